"""Reports of agents: many seeds at once, a folder with pictures, runs side by side."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from running import ostraka

from ostraka.environment.agents import OracleAgent, agent_of
from ostraka.environment.comparing import Run, TaskFigures, compare, read_run
from ostraka.environment.report import INVALID, report_of_scores, report_on
from ostraka.environment.running import in_parallel, play_episode
from ostraka.errors import DataError, InvalidInputError
from ostraka.testing.openai_server import scripted_server


def env(
    *arguments: str, stdin: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return ostraka(Path.cwd(), "env", *arguments, stdin=stdin, **variables)


def test_a_report_folder_holds_figures_a_page_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the environment extra")
    folder = tmp_path / "report"
    task = ("--task", "task_easy", "--task", "task_hard")
    done = env("run", *task, "--agent", "policy", "--seeds", "6", "--report", str(folder))
    assert done.returncode == 0, done.stderr
    names = ("scores", "recall_by_clause", "confusion")
    pictures = {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}
    assert {each.name for each in folder.iterdir()} == {"report.json", "report.md", *pictures}
    for name in names:
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 300
        assert "<svg" in (folder / f"{name}.svg").read_text("utf-8")
    written = json.loads((folder / "report.json").read_text("utf-8"))
    figures = written["tasks"]["task_hard"]
    assert list(figures["scores"]) == [str(seed) for seed in range(42, 48)]
    assert sum(sum(row.values()) for row in figures["confusion"].values()) == 6 * 12
    page = (folder / "report.md").read_text("utf-8")
    assert "![scores](scores.svg)" in page
    assert "## task_hard: by clause" in page
    assert f"{figures['score']:.3f}" in page
    again = env("run", *task, "--agent", "policy", "--seeds", "6", "--report", str(folder))
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "report.json").read_text("utf-8")) == written


def test_clauses_and_confusion_count_every_decision() -> None:
    plays = [play_episode(OracleAgent(), "task_hard", seed) for seed in range(5)]
    report = report_on(plays)
    assert sum(each.violations + each.harmless for each in report.clauses.values()) == 60
    assert all(each.recall in (1.0, None) for each in report.clauses.values())
    for right, given in report.confusion.items():
        assert given[INVALID] == 0
        assert sum(given.values()) == given[right]
    random = report_on([play_episode(agent_of("random"), "task_easy", seed) for seed in range(5)])
    assert 0 < sum(row["remove"] for row in random.confusion.values()) < 40


def test_many_at_once_are_what_each_is_alone() -> None:
    def score(seed: int) -> float:
        return play_episode(agent_of("random"), "task_medium", seed).score

    told: list[None] = []
    together = in_parallel(score, range(30), 4, lambda: told.append(None))
    assert together == [score(seed) for seed in range(30)]
    assert len(told) == 30


def test_the_first_failure_ends_a_run() -> None:
    def fail(seed: int) -> float:
        raise DataError(f"seed {seed}")

    for parallel in (1, 4):
        with pytest.raises(DataError):
            in_parallel(fail, range(100), parallel)


def test_malformed_answers_of_a_model_are_counted_and_never_approve(tmp_path: Path) -> None:
    output = tmp_path / "llm.json"
    good = json.dumps({"action_type": "approve", "violation_type": "none"})
    script: dict[str, Any] = {"default": {"do": "prose"}, "steps": [{"content": good}] * 8}
    with scripted_server(script) as model:
        variables = {"API_BASE_URL": model.base_url, "MODEL_NAME": "m", "HF_TOKEN": "x"}
        arguments = ("run", "--task", "task_easy", "--agent", "llm", "--seeds", "4")
        done = env(*arguments, "--output", str(output), **variables)
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text("utf-8"))["tasks"]["task_easy"]
    assert figures["malformed"] == figures["invalid"] == 24 / 32
    assert sum(row["approve"] for row in figures["confusion"].values()) == 8
    assert sum(row["invalid"] for row in figures["confusion"].values()) == 24


def test_a_person_plays_in_the_terminal() -> None:
    keys = "2\n1\n" + "nonsense\n9\napprove\n" * 7
    done = env("run", "--task", "task_easy", "--seed", "3", "--agent", "human", stdin=keys)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[STEP]")]
    assert "action=remove violation=spam" in lines[0]
    assert all("action=approve violation=none" in line for line in lines[1:])
    assert "Say 1 to 2, or a name." in done.stderr
    stopped = env("run", "--task", "task_easy", "--agent", "human", stdin="")
    assert stopped.returncode == 130


# Side by side


def run(agent: str, scores: list[float], **more: Any) -> Run:
    figures = TaskFigures(
        score=sum(scores) / len(scores), scores=dict(enumerate(scores)), **more
    )  # fmt: skip
    return Run(agent, "train", {"task_easy": figures}, "1")


def test_differences_are_those_of_the_same_seeds() -> None:
    noise = [((seed * 37) % 101) / 200 for seed in range(60)]
    (found,) = compare([run("a", noise), run("b", [each + 0.05 for each in noise])]).values()
    first, second = found
    assert first.difference is None and second.difference is not None
    # The scores vary far more than the difference does, which is the same for every seed.
    assert first.score.high - first.score.low > 0.05
    assert second.difference.mean == pytest.approx(0.05)
    assert second.difference.low == pytest.approx(0.05)
    assert second.is_beyond_chance
    (same,) = compare([run("a", noise), run("a", noise)]).values()
    assert not same[1].is_beyond_chance


def test_only_seeds_in_common_count() -> None:
    few = Run("few", "train", {"task_easy": TaskFigures(0.5, {1: 0.5, 2: 0.5, 99: 0.0})}, "1")
    (found,) = compare([run("many", [0.5] * 10), few]).values()
    assert [each.episodes for each in found] == [2, 2]
    assert found[1].score.mean == 0.5


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Run("b", "test", {"task_easy": TaskFigures(0.5, {0: 0.5, 1: 0.5})}, "1")],
        [Run("b", "train", {"task_easy": TaskFigures(0.5, {0: 0.5, 1: 0.5})}, "2")],
        [Run("b", "train", {"task_hard": TaskFigures(0.5, {0: 0.5, 1: 0.5})}, "1")],
        [Run("b", "train", {"task_easy": TaskFigures(0.5, {0: 0.5})}, "1")],
    ],
)
def test_other_episodes_are_not_compared(others: list[Run]) -> None:
    with pytest.raises(InvalidInputError):
        compare([run("a", [0.5] * 5), *others])


def test_reports_are_put_side_by_side(tmp_path: Path) -> None:
    files = []
    for agent in ("random", "policy"):
        files.append(str(tmp_path / f"{agent}.json"))
        arguments = ("--task", "task_medium", "--seeds", "20", "--output", files[-1])
        assert env("run", "--agent", agent, *arguments).returncode == 0
    done = env("compare", *files)
    assert done.returncode == 0, done.stderr
    assert "1 random" in done.stdout and "2 policy" in done.stdout
    assert "*" in done.stdout
    told = json.loads(env("compare", *files, "--json").stdout)["task_medium"]
    assert told[1]["difference"]["low"] > 0
    assert read_run(Path(files[0])).agent == "random"


def test_what_is_no_report_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"agent": 5}')
    for name in ("a.json", "none.json"):
        with pytest.raises(DataError):
            read_run(tmp_path / name)
    done = env("compare", str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert done.returncode == 1
    assert "is no report" in done.stderr


def test_a_server_tells_scores_alone() -> None:
    report = report_of_scores({1: 0.25, 2: 0.75})
    assert (report.episodes, report.score, report.exact) == (2, 0.5, None)
