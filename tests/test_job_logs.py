"""What is kept of a process's log, and what of it is new."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.factory.base import Factory
from ostraka.factory.logs import MOST_BYTES, LogKeeper, added, kept_log, tail
from ostraka.factory.tasks import LOG_FILE, Purpose
from ostraka.settings import Settings


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=6), st.integers(0, 40))
def test_what_is_added_is_told_once(parts: list[str], cut: int) -> None:
    before, after = "".join(parts[:3]), "".join(parts)
    assert before + added(before, after) == after
    lines = [f"line {number} {part!r}\n" for number, part in enumerate(parts * 4)]
    known, whole = "".join(lines[: len(lines) // 2]), "".join(lines)
    kept = whole[min(cut, max(0, len(known) - 200)) :]  # the beginning of a long log is cut off
    assert known + added(known, kept) == whole


def test_the_end_of_a_long_log_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(1000)))
    assert tail(path, 30) == b"line 997\nline 998\nline 999\n"
    assert tail(path, 10**6) == path.read_bytes()


def test_a_process_that_printed_nothing_yet_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    factory = Factory.open(Settings(data_dir=tmp_path / "data"))
    LogKeeper(factory, "job-1", Purpose.TRAIN, 1, tmp_path).keep(at_once=True)
    assert kept_log(factory, "job-1") == ""
    assert not caplog.records
    factory.database.close()


def test_attempts_stand_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = Factory.open(Settings(data_dir=tmp_path / "data"))
    secret = "0123456789abcdef0123456789abcdef01234567"
    with monkeypatch.context() as patch:
        patch.setenv("WANDB_API_KEY", secret)
        for purpose, token, text in (
            (Purpose.TRAIN, 10, "third"),
            (Purpose.TRAIN, 2, f"second {secret}"),
            (Purpose.VALIDATE, 5, "first\n"),
        ):
            folder = tmp_path / f"{purpose}-{token}"
            folder.mkdir()
            (folder / LOG_FILE).write_text(text)
            keeper = LogKeeper(factory, "job-1", purpose, token, folder)
            keeper.keep()  # too soon
            keeper.keep(at_once=True)
    before = kept_log(factory, "job-1")
    assert before == "first\nsecond ***\nthird"
    (tmp_path / "train-10" / LOG_FILE).write_text("third and")  # as a progress bar grows
    LogKeeper(factory, "job-1", Purpose.TRAIN, 10, tmp_path / "train-10").keep(at_once=True)
    assert added(before, kept_log(factory, "job-1")) == " and"
    assert kept_log(factory, "job-2") == ""
    folder = tmp_path / "long"
    folder.mkdir()
    (folder / LOG_FILE).write_text("a line\n" * MOST_BYTES)
    LogKeeper(factory, "job-3", Purpose.TRAIN, 1, folder).keep(at_once=True)
    assert 0 < len(kept_log(factory, "job-3")) <= MOST_BYTES
    factory.database.close()
