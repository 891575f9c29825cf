"""The transparency report counts what the statements state, and labelled data what people said."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from recording import OCTOBER, POLICY, START, History
from running import ostraka
from sqlalchemy.orm import Session

from ostraka.review.labelled import Tally, labelled_rows
from ostraka.review.measures import Period
from ostraka.review.transparency import Figure, as_markdown, transparency
from ostraka.storage.database import Database
from ostraka.train.examples import Example, read_examples

PERIOD = ("--from", "2026-10-01", "--to", "2026-11-01")


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    database = Database.at(database_url)
    with database.writing() as session:
        yield session
    database.close()


def happen(history: History) -> None:
    """Two removals by the policy, of which an appeal overturns one; and what people did."""
    history.item("remove", "spam")
    wrong = history.item("remove", "spam")
    history.appeal(wrong, "granted")
    history.decision(wrong, "approve", case=history.case(wrong, "appeal"), seconds=100.0)
    for seconds in (10.0, 30.0):
        item = history.item("escalate", "harassment", "ambiguous")
        history.decision(item, "remove", "harassment", case=history.case(item), seconds=seconds)
    undone = history.item("escalate")
    history.undo(undone, history.decision(undone, "warn", "spam", by="key_1", seconds=1.0))
    history.case(history.item("escalate"))
    reported = history.item("approve")
    history.report(reported, "bob")


def test_figures(session: Session) -> None:
    happen(History(session))
    found = {
        (each.figure, each.action, each.violation, each.decided_by): each.value
        for each in transparency(session, OCTOBER)
    }
    assert found == {
        ("items_received", "", "", ""): 7,
        ("reports_received", "", "harassment", ""): 1,
        ("measures", "remove", "spam", "policy"): 2,
        ("overturned", "remove", "spam", "policy"): 1,
        ("appealed", "remove", "spam", "policy"): 1,
        ("measures", "remove", "harassment", "person"): 2,
        ("measures", "warn", "spam", "agent"): 1,
        ("undone", "warn", "spam", "agent"): 1,
        ("share_overturned", "", "", "policy"): 0.5,
        ("share_overturned", "", "", "person"): 0.0,
        ("share_overturned", "", "", "agent"): 0.0,
        ("decisions", "approve", "", "person"): 1,
        ("decisions", "remove", "", "person"): 2,
        ("decisions", "warn", "", "agent"): 1,
        ("decisions_undone", "", "", ""): 1,
        ("median_handling", "", "", "person"): 30.0,
        ("median_handling", "", "", "agent"): 1.0,
        ("cases_opened", "", "", ""): 4,
        ("cases_decided", "", "", ""): 3,
        ("cases_decided_late", "", "", ""): 0,
        ("cases_open_at_end", "", "", ""): 1,
        ("median_time_to_decision", "", "", ""): 3600.0,
        ("appeals_received", "remove", "", ""): 1,
        ("appeals_granted", "", "", ""): 1,
        ("appeals_denied", "", "", ""): 0,
        ("median_time_to_appeal_decision", "", "", ""): 32400.0,
    }


def test_an_empty_period_says_so(session: Session) -> None:
    empty = Period(datetime(2020, 1, 1, tzinfo=UTC), START)
    figures = transparency(session, empty)
    assert Figure("median_time_to_decision", None, unit="seconds") in figures
    assert all(not each.value for each in figures)
    assert "| Median time to decision | – |" in as_markdown(figures, empty)


def test_figures_read_as_tables(session: Session) -> None:
    happen(History(session))
    page = as_markdown(transparency(session, OCTOBER), OCTOBER)
    assert "| Items received | 7 |" in page
    assert "| remove | spam | policy | 2 |" in page
    assert "| policy | 50.0% |" in page


def labelled(session: Session, **options: object) -> tuple[list[dict], list[dict], Tally]:
    tally = Tally()
    found = list(labelled_rows(session, OCTOBER, tally, **options))  # type: ignore[arg-type]
    return [each.row for each in found], [each.provenance for each in found], tally


def test_rows_to_learn_from(session: Session) -> None:
    history = History(session)
    agreed = history.item("escalate", text="One.")
    first = history.decision(agreed, "remove", "spam", by="person_1")
    second = history.decision(agreed, "remove", "spam", by="person_2", counts=False)
    third = history.decision(agreed, "remove", "harassment", by="person_3", counts=False)
    fine = history.item("escalate", text="Two.")
    history.decision(fine, "approve")
    rows, provenance, tally = labelled(session)
    assert rows == [
        {
            "text": "One.",
            "labels": {"moderation": ["spam"]},
            "soft_labels": {"moderation": {"harassment": 1 / 3, "spam": 2 / 3}},
        },
        {"text": "Two.", "labels": {"moderation": []}},
    ]
    assert provenance[0] == {
        "item_id": agreed.id,
        "decision_id": first.id,
        "decision_ids": [first.id, second.id, third.id],
        "policy": POLICY,
        "reviewers": 3,
        "agreement": 1 / 3,
        "decided_at": first.created_at.isoformat(),
    }
    summary = tally.as_dict()
    assert summary["labels"] == {"none": 1, "spam": 1}
    assert summary["agreement"] == {"pairs": 3, "share": 1 / 3}
    assert (summary["reviewers"], summary["policies"]) == (3, {POLICY: 2})


def test_what_is_corrected_and_what_is_left_out(session: Session) -> None:
    history = History(session)
    overturned = history.item("escalate", text="One.")
    wrong = history.decision(overturned, "remove", "spam", by="person_1")
    history.appeal(overturned, "granted", wrong)
    history.decision(overturned, "approve", by="person_2")
    undone = history.item("escalate", text="Two.")
    history.undo(undone, history.decision(undone, "remove", "spam"))
    erased = history.item("escalate", text=None, erased_at=START)
    history.decision(erased, "remove", "spam")
    blank = history.item("escalate", text="  ")
    history.decision(blank, "remove", "spam")
    escalated = history.item("escalate", text="Three.")
    history.decision(escalated, "escalate", counts=False)
    agents = history.item("escalate", text="Four.")
    history.decision(agents, "remove", "spam", by="key_1")
    rows, _, tally = labelled(session)
    assert rows == [{"text": "One.", "labels": {"moderation": []}}]
    assert tally.corrected == 1
    left_out = {"erased": 1, "undone": 1, "unusable text": 1}
    assert tally.as_dict()["left_out"] == left_out
    assert [row["text"] for row in labelled(session, agents=True)[0]] == ["One.", "Four."]
    assert labelled(session, reviewers=3)[2].as_dict()["left_out"]["too few reviewers"] == 2


@pytest.fixture
def folder(database_url: str, tmp_path: Path) -> Iterator[Path]:
    database = Database.at(database_url)
    with database.writing() as session:
        happen(History(session))
    database.close()
    (tmp_path / "ostraka.toml").write_text(f'database_url = "{database_url}"')
    yield tmp_path


def test_reports_on_the_command_line(folder: Path) -> None:
    page = ostraka(folder, "reports", "transparency", *PERIOD)
    assert page.returncode == 0, page.stderr
    assert "# Transparency report" in page.stdout
    table = ostraka(folder, "reports", "transparency", *PERIOD, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert {"figure": "items_received", "value": "7"}.items() <= rows[0].items()
    stated = ostraka(folder, "reports", "statements", *PERIOD)
    statements = [json.loads(line) for line in stated.stdout.splitlines()]
    assert len(statements) == 4
    assert "4 rows written, from 2026-10-01 up to" in stated.stderr
    letters = ostraka(folder, "reports", "statements", *PERIOD, "--format", "md")
    assert letters.stdout.count("Reference: ") == 4
    wrong = ostraka(folder, "reports", "items", "--from", "2026-11-01", "--to", "2026-10-01")
    assert wrong.returncode == 2
    assert "is not before" in wrong.stderr
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    begun = ostraka(folder, "reports", "items", "--from", today)
    assert (begun.returncode, f"from {today} up to {today}" in begun.stderr) == (0, True)


def test_exports_on_the_command_line(folder: Path) -> None:
    for kind, count in (("items", 7), ("decisions", 5)):
        lines = ostraka(folder, "reports", kind, *PERIOD).stdout.splitlines()
        assert len(lines) == count
        first = json.loads(lines[0])
        output = folder / f"{kind}.parquet"
        written = ostraka(
            folder, "reports", kind, *PERIOD, "--format", "parquet", "--output", str(output)
        )
        assert written.returncode == 0, written.stderr
        table = pq.read_table(output)
        assert table.num_rows == count
        assert table.column_names == list(first)
        tabled = ostraka(folder, "reports", kind, *PERIOD, "--format", "csv").stdout
        assert len(list(csv.DictReader(io.StringIO(tabled)))) == count
        whole = json.loads(ostraka(folder, "reports", kind, *PERIOD, "--format", "json").stdout)
        assert whole[0] == first
    without = ostraka(folder, "reports", "items", *PERIOD, "--no-texts").stdout
    assert "gnome" not in without
    refused = ostraka(folder, "reports", "items", *PERIOD, "--format", "parquet")
    assert (refused.returncode, "name one with --output" in refused.stderr) == (2, True)


def test_data_from_decisions_on_the_command_line(folder: Path) -> None:
    done = ostraka(folder, "data", "from-decisions", "rows.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"] == 3
    assert summary["labels"] == {"harassment": 2, "none": 1}
    kept = json.loads((folder / "rows.provenance.json").read_text())
    assert kept == summary
    with (folder / "rows.jsonl").open("rb") as lines:
        examples = [example for _, example in read_examples(lines, "rows.jsonl")]
    assert all(isinstance(each, Example) for each in examples)
    provenance = (folder / "rows.provenance.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in provenance] == [1, 2, 3]
    assert ostraka(folder, "data", "from-decisions", "rows.csv").returncode == 2
    assert sorted(path.name for path in folder.glob(".rows*")) == []
