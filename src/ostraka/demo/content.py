"""What the demo's authors write, read from the file that ships with the package."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ostraka.review.terms import Ruling
from ostraka.taxonomy import Action, ViolationType

APPROVE = Ruling(Action.APPROVE, ViolationType.NONE)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """One reader's report of an item."""

    reporter: str
    violation: str
    note: str


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """An item as it was written, and what is right to do with it."""

    external_id: str
    author: str
    text: str
    language: str
    reach: int
    right: Ruling
    reports: Sequence[WrittenReport]
    appeal: str
    granted: bool
    """Whether the appeal is right."""
    mistaken: Ruling | None
    """What its first reviewer takes it for."""
    golden: str
    """Why the right decision is right, for items that become golden cases."""


@dataclass(frozen=True, slots=True)
class WrittenThread:
    """Items that answer each other."""

    id: str
    source: str
    days_ago: float
    items: Sequence[WrittenItem]


def load_content() -> tuple[WrittenThread, ...]:
    """All threads, the oldest first."""
    text = files("ostraka.demo").joinpath("content.toml").read_text("utf-8")
    return tuple(_thread(entry) for entry in tomllib.loads(text)["threads"])


def _thread(entry: Mapping[str, Any]) -> WrittenThread:
    items = [
        _item(f"{entry['id']}-{number}", written)
        for number, written in enumerate(entry["items"], start=1)
    ]
    return WrittenThread(entry["id"], entry["source"], entry["days_ago"], items)


def _item(external_id: str, written: Mapping[str, Any]) -> WrittenItem:
    return WrittenItem(
        external_id=external_id,
        author=written["by"],
        text=written["says"],
        language=written.get("language", "en"),
        reach=written.get("reach", 40),
        right=_ruling(written["right"]) if "right" in written else APPROVE,
        reports=[WrittenReport(*each) for each in written.get("reports", ())],
        appeal=written.get("appeal", ""),
        granted=written.get("granted", False),
        mistaken=_ruling(written["mistaken"]) if "mistaken" in written else None,
        golden=written.get("golden", ""),
    )


def _ruling(words: str) -> Ruling:
    action, violation = words.split()
    return Ruling(Action(action), ViolationType(violation))
