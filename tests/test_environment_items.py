"""Real items in episodes: from labelled rows, and from the platform's own queue."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recording import History

from ostraka.environment.environment import Environment, Log
from ostraka.environment.generator import generate
from ostraka.environment.library import Split
from ostraka.environment.real import Leftover, RealItem, RealItems, items_of, redacted
from ostraka.errors import ConflictError, DataError, InvalidInputError
from ostraka.storage.database import Database
from ostraka.taxonomy import Action
from ostraka.train.examples import parse_example

NUMBER = 400


def rows() -> list[dict[str, Any]]:
    """Mild sentences with labels of every kind that is understood."""
    found: list[dict[str, Any]] = []
    for number in range(NUMBER):
        kind = number % 4
        text = f"Sentence number {number} of a neighbourhood forum."
        labels: dict[str, Any] = {"moderation": [["spam"], [], ["insult"], ["hate_speech"]][kind]}
        row = {"text": text, "labels": labels}
        if kind == 3:
            row["soft_labels"] = {"moderation": {"hate_speech": 0.7}}
        found.append(row)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    judged = ((parse_example(row), 10, f"source {number}") for number, row in enumerate(rows()))
    items = list(items_of(judged, Leftover()))
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in items))
    return path


def test_labels_of_every_vocabulary_are_understood() -> None:
    def item(*labels: str, **shares: float) -> RealItem | None:
        row: dict[str, Any] = {"text": "x", "labels": {"m": list(labels)}}
        if shares:
            row["soft_labels"] = {"m": shares}
        return next(items_of([(parse_example(row), 3, "")], Leftover()), None)

    assert item("spam") == RealItem("x", "spam", 1.0, 3)
    assert item("harassment/threatening") == RealItem("x", "harassment/threatening", 1.0, 3)
    assert item("identity_attack", identity_attack=0.6) == RealItem("x", "hate", 0.6, 3)
    assert item() == RealItem("x", "", 0.0, 3)
    assert item("toxicity") is None and item("weather") is None
    leftover = Leftover()
    never = parse_example({"text": "x", "labels": {"m": ["csam"]}})
    assert list(items_of([(never, 1, "")], leftover)) == []
    assert leftover.counts.total() == 1


def test_texts_lose_what_names_people() -> None:
    text = "Write to ann.b@example.org or @ann_b, call +49 30 1234567, see https://example.org/a?b."
    clean = redacted(text)
    assert clean == "Write to [e-mail] or [name], call [number], see [link]"
    assert redacted("At 10 to 12 in 2024") == "At 10 to 12 in 2024"


def test_real_items_are_dealt_with_computed_decisions(file: Path) -> None:
    real = RealItems.read(file, 0.5)
    found = [
        item
        for seed in range(40)
        for item in generate("task_hard", "train", seed, real=real).items
        if item.draft.people
    ]
    assert len(found) > 80
    spam = [item for item in found if item.draft.clause == "real spam"]
    harmless = [item for item in found if item.draft.clause == "real, harmless"]
    split = [item for item in found if item.draft.clause == "real hate"]
    assert all(item.action is not Action.APPROVE for item in spam)
    assert all(item.action is Action.APPROVE for item in harmless)
    assert all(item.action is Action.ESCALATE for item in split) and split
    assert all(max(item.utilities.values()) == 1.0 for item in found)
    assert all(item.utilities[item.action] == 1.0 for item in found)


def test_pairs_stay_and_clear_tasks_get_clear_items(file: Path) -> None:
    real = RealItems.read(file, 1.0)
    items = [i for s in range(20) for i in generate("task_easy", "train", s, real=real).items]
    assert not [item for item in items if item.draft.pair and item.draft.people]
    assert not [item for item in items if item.draft.clause == "real hate"]
    assert [item for item in items if item.draft.people]


def test_splits_share_no_real_item(file: Path) -> None:
    real = RealItems.read(file)
    texts = {split: {each.text for each in real.by_split[split]} for split in Split}
    assert sum(map(len, texts.values())) == NUMBER
    assert all(texts.values())
    for split in Split:
        for seed in range(10):
            for item in generate("task_medium", split, seed, real=real).items:
                if item.draft.people:
                    assert item.draft.text in texts[split]


def test_episodes_are_a_function_of_the_file_too(file: Path) -> None:
    first, again = (RealItems.read(file) for _ in range(2))
    assert first.digest == again.digest != RealItems.read(file, 0.9).digest
    digests = [generate("task_hard", "train", 3, real=each).digest for each in (first, again)]
    assert digests[0] == digests[1] != generate("task_hard", "train", 3).digest


def test_a_log_needs_the_same_items(file: Path) -> None:
    real = RealItems.read(file)
    environment = Environment(real=real)
    environment.reset("task_hard", seed=3)
    environment.step({"action_type": "remove"})
    written = msgspec.json.encode(environment.log())
    log = msgspec.json.decode(written, type=Log)
    assert Environment.restore(log, real=real).state() == environment.state()
    with pytest.raises(ConflictError):
        Environment.restore(log)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"text": "x"}',
        '{"text": "x", "category": "spam", "share": 2.0}',
        '{"text": "x", "category": "weather", "share": 1.0}',
        '{"text": "x", "category": "spam", "share": 1.0, "votes": 0}',
    ],
)
def test_lines_that_are_no_items_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(f'{{"text": "a", "category": "", "share": 0.0}}\n{line}\n')
    with pytest.raises(DataError, match="line 2"):
        RealItems.read(path)
    with pytest.raises(InvalidInputError):
        RealItems.read(path, 0.0)
    with pytest.raises(DataError):
        RealItems.read(tmp_path / "none.jsonl")


def test_files_become_items_and_agents_play_them(tmp_path: Path) -> None:
    def env(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ostraka", "env", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ)
        )

    labelled = [*rows(), {"text": "call 030 1234567 for it", "labels": {"moderation": ["spam"]}}]
    lines = [json.dumps(row) for row in labelled] + ['{"text": 5}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    made = env("items", "rows.jsonl", "--redact", "--output", "items.jsonl")
    assert made.returncode == 0, made.stderr
    assert "401 items" in made.stderr and "1 unreadable" in made.stderr
    assert "1234567" not in (tmp_path / "items.jsonl").read_text()
    play = ("run", "--task", "task_hard", "--agent", "keyword", "--seeds", "3")
    output = ("--items", "items.jsonl", "--items-share", "0.8", "--output", "report.json")
    done = env(*play, *output)
    assert done.returncode == 0, done.stderr
    clauses = json.loads((tmp_path / "report.json").read_text())["tasks"]["task_hard"]["clauses"]
    assert any(name.startswith("real") for name in clauses)
    assert env("items", "--output", "none.jsonl").returncode == 2
    (tmp_path / "bad.jsonl").write_text('{"text": 5}')
    empty = env("items", "bad.jsonl", "--output", "none.jsonl")
    assert empty.returncode == 1 and "1 unreadable" in empty.stderr
    assert not (tmp_path / "none.jsonl").exists()


def test_the_queue_s_own_decisions_become_items(database_url: str, tmp_path: Path) -> None:
    database = Database.at(database_url)
    with database.writing() as session:
        history = History(session)
        for action, violation in (("remove", "spam"), ("approve", "none"), ("warn", "harassment")):
            item = history.item("escalate", "harassment", "ambiguous")
            history.decision(item, action, violation, case=history.case(item), seconds=3.0)
    database.close()
    command = [sys.executable, "-m", "ostraka", "env", "items", "--decisions", "--redact"]
    done = subprocess.run(
        [*command, "--output", "items.jsonl"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"OSTRAKA_DATABASE_URL": database_url},
    )
    assert done.returncode == 0, done.stderr
    real = RealItems.read(tmp_path / "items.jsonl")
    found = [each for items in real.by_split.values() for each in items]
    assert sorted((each.category, each.share) for each in found) == [
        ("", 0.0),
        ("harassment", 1.0),
        ("spam", 1.0),
    ]
    assert len({each.source for each in found}) == 3
