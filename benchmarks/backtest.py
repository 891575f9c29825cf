"""Backtests of a draft on items in a database, beside reading the same rows and doing nothing.

Scores and facts are those of the bundled classifier, reused and not made again; the draft has other
thresholds and one rule more. On SQLite, and on PostgreSQL too with `--postgresql URL`, an empty
database that this may fill.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.policy import stored_facts
from benchmarks.report import Figure, Goal, arguments, show
from ostraka.policy.compiled import Policy
from ostraka.policy.evaluation import evaluate
from ostraka.policy.facts import Facts
from ostraka.policy.presets import default_policy, default_text
from ostraka.review.backtest import backtest
from ostraka.review.replaying import Window, pages
from ostraka.review.tables import DecisionRow, ItemRow, VerdictRow
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id

GOAL = 20_000.0
KINDS = 2_000
DECIDED = 20
"""One item in so many was decided by people."""
_TOGETHER = 1_000
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database to measure too")
    options = parser.parse_args()
    rounds, items = (3, 20_000) if options.quick else (5, 200_000)
    figures: list[Figure] = []
    with TemporaryDirectory() as scratch:
        urls = [f"sqlite:///{Path(scratch) / 'items.db'}"]
        urls += [options.postgresql] if options.postgresql else []
        for url in urls:
            with closing(Database.at(url)) as database:
                fill(database, items)
                figures += _measure(database, rounds)
    show("backtest", figures, options.json)


def draft() -> Policy:
    """The default with every threshold a tenth lower and a rule that asks CEL about each item."""
    text = default_text().replace('name = "default"', 'name = "draft"', 1)
    text = text.replace("threshold = 0.9", "threshold = 0.8")
    rule = (
        '[[rules]]\nname = "many-reports"\nwhen = "reports.count >= 3"\naction = "escalate"\n'
        'violation = "spam"\nseverity = "medium"\n\n'
    )
    return Policy.parse(text.replace("[[rules]]", f"{rule}[[rules]]", 1))


def fill(database: Database, items: int) -> None:
    """Items with verdicts by the default policy; people decided some of them."""
    policy, facts = default_policy(), stored_facts(KINDS)
    verdicts = [_verdict(policy, each) for each in facts]
    for start in range(0, items, _TOGETHER):
        with database.writing() as session:
            _add(session, verdicts, range(start, start + _TOGETHER))


def _verdict(policy: Policy, facts: Facts) -> dict[str, object]:
    outcome = evaluate(policy, facts)
    return {
        "policy_digest": policy.digest,
        "action": str(outcome.action),
        "violation": str(outcome.violation),
        "severity": str(outcome.severity),
        "rule": outcome.rule,
        "why": outcome.why,
        "path": [step.as_dict() for step in outcome.path],
        "facts": facts.as_dict(),
        "scores": dict(facts.scores),
        "stage": facts.stage,
        "sure": facts.sure,
        "model": "ostraka-lexical",
        "versions": {},
        "reason": "",
        "shadow": False,
    }


def _add(session: Session, verdicts: list[dict[str, object]], numbers: range) -> None:
    rows: dict[type, list[dict[str, object]]] = {ItemRow: [], VerdictRow: [], DecisionRow: []}
    for number in numbers:
        said = verdicts[number % KINDS]
        item_id, verdict_id = new_id("item"), new_id("verdict")
        made = _BEGINNING + timedelta(seconds=number)
        same = {"created_at": made, "action": said["action"], "violation": said["violation"]}
        rows[ItemRow].append(
            {"id": item_id, "fingerprint": "0" * 64, "text": "A text." * 20, "reach": 1}
            | {"details": {}, "verdict_id": verdict_id, "reports": 0}
            | same
        )
        rows[VerdictRow].append(said | {"id": verdict_id, "created_at": made, "item_id": item_id})
        if number % DECIDED == 0:
            rows[DecisionRow].append(
                {"id": new_id("decision"), "item_id": item_id, "reviewer_id": "person_1"}
                | {"reviewer_kind": "person", "reasons": "", "policy_digest": "", "counts": True}
                | {"effective_at": made, "before": {}}
                | same
            )
    for table, values in rows.items():
        session.execute(insert(table), values)


def _measure(database: Database, rounds: int) -> Iterator[Figure]:
    ours: list[float] = []
    floor: list[float] = []
    against, tried = default_policy(), draft()
    for _ in range(rounds):
        with database.reading() as session:
            started = time.process_time()
            count = sum(len(page.items) for page in pages(session, Window()))
            floor.append(count / (time.process_time() - started))
            started = time.process_time()
            report = backtest(session, tried, against, Window())
            ours.append(report.replayed / (time.process_time() - started))
    where = database.engine.dialect.name
    yield Figure(f"a backtest, {where}", "items/s per core", ours, floor)
    reached = [each / GOAL for each in ours]
    yield Figure(
        f"of its goal, 20,000 items/s, {where}", "times", reached, [1.0] * rounds, Goal(1.0)
    )


if __name__ == "__main__":
    main()
