"""Calibration of a judge: fitted to labelled rows, kept for one judge, used by the cascade."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import ostraka, write

pytest.importorskip("sklearn", reason="calibration needs the agreement extra")

from ostraka.errors import DataError, SettingsError
from ostraka.judge.calibration import (
    Fit,
    JudgeCalibration,
    calibrated,
    chosen,
    load_calibrations,
    save_calibration,
)
from ostraka.judge.calibration_fitting import fit, read_labelled
from ostraka.moderator import JUDGE_MODEL, Moderator
from ostraka.settings import Settings
from ostraka.taxonomy import Category
from ostraka.testing.openai_server import ScriptedServer, scripted_server

INSULT, SPAM = Category.INSULT, Category.SPAM
LEVELS = (0.55, 0.7, 0.85, 0.97)


@pytest.fixture(scope="module")
def judge() -> Iterator[ScriptedServer]:
    """A judge that is far too sure of itself: it says 0.97 where people agree six times in ten."""
    with scripted_server({"models": ["sure"], "rules": rules()}) as server:
        yield server


def rules(seconds: dict[float, float] | None = None) -> list[dict[str, Any]]:
    """Each level is answered after its seconds, or at once."""
    found: list[dict[str, Any]] = []
    for level in LEVELS:
        bad = {"categories.insult.violates": True, "categories.insult.probability": level}
        step = {"set": bad, "probability": level, "seconds": (seconds or {}).get(level, 0.0)}
        found.append({"contains": f"level {level}", "step": step})
    return found


def labelled(folder: Path) -> Path:
    """Rows whose insults are rarer than the judge says; nothing is spam."""
    rows = []
    for number, level in enumerate(LEVELS):
        for row in range(30):
            insult = int(row < 30 * (0.1 + 0.15 * number))
            text = f"level {level}, row {row}"
            rows.append({"text": text, "labels": {"insult": insult, "spam": 0}})
    write(folder / "labelled.jsonl", rows)
    return folder / "labelled.jsonl"


def settings_of(judge: ScriptedServer, folder: Path, **others: Any) -> Settings:
    return Settings(judge_url=judge.base_url, judge_model="sure", data_dir=folder, **others)


def calibrate(folder: Path, judge: ScriptedServer, *options: str) -> Any:
    return ostraka(
        folder,
        *("judge", "calibrate", "labelled.jsonl", "--base-url", judge.base_url),
        *("--model", "sure", "--json", *options),
    )


def test_the_cascade_uses_what_was_fitted(judge: ScriptedServer, tmp_path: Path) -> None:
    labelled(tmp_path)
    done = calibrate(tmp_path, judge, "-o", "fitted.json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    fitted = said["fits"]["insult"]
    assert (fitted["rows"], fitted["positives"]) == (120, 40)
    assert fitted["error_after"] < 0.1 < fitted["error_before"]
    assert "20 of each are needed" in said["left_out"]["hate"]
    assert said["rows"] == 120
    again = calibrate(tmp_path, judge, "-o", "fitted.json")  # nothing is asked twice
    assert json.loads(again.stdout)["batch"]["cached"] == 120

    raw = Moderator.default(settings_of(judge, tmp_path))
    fixed = Moderator.default(
        settings_of(judge, tmp_path, judge_calibration=tmp_path / "fitted.json")
    )
    assert raw.judge is not None
    assert raw.judge.last is not None
    assert fixed.judge is not None
    assert fixed.judge.last is not None
    opinions = [each.judge.last.judge.assess(["level 0.97, row 0"]) for each in (raw, fixed)]
    column = raw.judge.last.judge.categories.index(INSULT)
    assert opinions[0][0, column] == pytest.approx(0.97, abs=0.01)
    assert 0.4 < opinions[1][0, column] < 0.7
    assert raw.cascade().digest != fixed.cascade().digest
    assert fixed.judge.last.judge.calibrated_categories == [INSULT]
    # The judge alone is asked about more categories, in another prompt: that was not fitted.
    assert fixed.judge.alone.judge.calibrated_categories == []
    verdict = fixed.moderate("level 0.97, row 0", model=JUDGE_MODEL)
    assert not any(source.calibrated for source in verdict.sources.values())
    assert {source.basis for source in verdict.sources.values()} == {"logprobs"}


def test_who_answers_first_changes_nothing(judge: ScriptedServer, tmp_path: Path) -> None:
    labelled(tmp_path)
    late = {LEVELS[0]: 0.5, LEVELS[2]: 0.2}
    with scripted_server({"models": ["sure"], "rules": rules(late)}) as backwards:
        for server, name in ((judge, "one.json"), (backwards, "two.json")):
            done = calibrate(tmp_path, server, "-o", name)
            assert done.returncode == 0, done.stderr
    one, two = (load_calibrations(tmp_path / name) for name in ("one.json", "two.json"))
    assert one == two


def test_the_judge_alone_is_calibrated_beside(judge: ScriptedServer, tmp_path: Path) -> None:
    labelled(tmp_path)
    for options in ((), ("--alone",)):
        assert calibrate(tmp_path, judge, "-o", "both.json", *options).returncode == 0
    assert len(load_calibrations(tmp_path / "both.json")) == 2
    settings = settings_of(judge, tmp_path, judge_calibration=tmp_path / "both.json")
    verdict = Moderator.default(settings).moderate("level 0.97, row 0", model=JUDGE_MODEL)
    assert verdict.sources[INSULT].calibrated
    assert not verdict.sources[SPAM].calibrated
    assert verdict.scores[INSULT] < 0.8
    write(tmp_path / "in.jsonl", [{"text": "level 0.97, row 0"}])
    environment = {"judge_calibration": "both.json", "judge_model": "sure"}
    done = ostraka(
        tmp_path,
        *("judge", "moderate", "in.jsonl", "--base-url", judge.base_url),
        **{f"OSTRAKA_{name.upper()}": value for name, value in environment.items()},
    )
    row = json.loads(done.stdout)
    assert row["scores"]["insult"] == pytest.approx(verdict.scores[INSULT], abs=1e-6)
    assert "insult" not in row["uncalibrated"]
    assert "spam" in row["uncalibrated"]


def test_a_calibration_of_another_judge_is_refused(judge: ScriptedServer, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    save_calibration(path, JudgeCalibration("0" * 64, "sure", {INSULT: line(1.0, 0.0)}))
    with pytest.raises(SettingsError, match="another prompt, policy or model"):
        Moderator.default(settings_of(judge, tmp_path, judge_calibration=path))
    with pytest.raises(SettingsError, match="judge_model"):
        Moderator.default(
            Settings(judge_url=judge.base_url, data_dir=tmp_path, judge_calibration=path)
        )
    path.write_text("{}")
    with pytest.raises(DataError, match="no calibration"):
        Moderator.default(settings_of(judge, tmp_path, judge_calibration=path))


def test_errors_are_clear_and_nothing_is_written(judge: ScriptedServer, tmp_path: Path) -> None:
    write(tmp_path / "labelled.jsonl", [{"text": "level 0.7", "labels": {"insult": 1}}])
    done = calibrate(tmp_path, judge, "-o", "out.json")
    assert done.returncode == 1
    assert "nothing is written" in done.stderr
    assert not (tmp_path / "out.json").exists()
    for row, problem in (
        ({"text": "x"}, "row 1 is not"),
        ({"text": "x", "labels": {"nonsense": 1}}, "no category 'nonsense'"),
        ({"text": "x", "labels": {"insult": 0.5}}, "0.5, not 0 or 1"),
    ):
        write(tmp_path / "labelled.jsonl", [row])
        with pytest.raises(DataError, match=problem):
            list(read_labelled(tmp_path / "labelled.jsonl"))
    (tmp_path / "labelled.jsonl").unlink()
    assert "cannot be read" in calibrate(tmp_path, judge).stderr


# The line


def line(slope: float, intercept: float) -> Fit:
    return Fit(slope, intercept, 100, 50, 0.0, 0.0)


@given(
    slope=st.floats(0.01, 10),
    intercept=st.floats(-10, 10),
    pair=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_fit_keeps_the_order_and_gives_probabilities(
    slope: float, intercept: float, pair: tuple[float, float]
) -> None:
    low, high = sorted(pair)
    fitted = line(slope, intercept)
    assert 0 <= fitted(low) <= fitted(high) <= 1


def test_fitting_finds_the_line_that_made_the_labels() -> None:
    chance = random.Random(20261121)
    truth = line(0.5, -1.0)
    stated = [chance.uniform(0.02, 0.98) for _ in range(4000)]
    found = fit([(each, chance.random() < truth(each)) for each in stated])
    assert isinstance(found, Fit)
    assert found.slope == pytest.approx(0.5, abs=0.1)
    assert found.intercept == pytest.approx(-1.0, abs=0.1)
    assert found.error_after < found.error_before


def test_a_judge_that_cannot_tell_is_not_fitted() -> None:
    backwards = [(0.9 if number % 2 else 0.1, not number % 2) for number in range(200)]
    assert "do not rise" in str(fit(backwards))
    assert "are needed" in str(fit(backwards[:20]))


def test_categories_without_a_fit_stay_as_they_are() -> None:
    fitted = JudgeCalibration("q", "m", {INSULT: line(1.0, -2.0)})
    scores = calibrated({INSULT: 0.9, SPAM: 0.9}, fitted)
    assert scores[SPAM] == 0.9
    assert scores[INSULT] < 0.9
    assert calibrated({SPAM: 0.3}, None) == {SPAM: 0.3}
    assert chosen([fitted], "q", "m") is fitted
    assert chosen([fitted], "q", "n") is None
