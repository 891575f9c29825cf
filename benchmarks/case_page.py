"""Server time of the console's pages with many items: a case, the queue, a search, an item.

And of one key press: from a decision to the next case, which the same answer holds. The application
answers within this process: what is measured is the request from the gate to the last byte, without
a network and without a browser. `--rows` says how many items are kept (one in
ten has an open case), `--postgresql URL` measures on that empty database instead of SQLite.
"""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text
from starlette.testclient import TestClient

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.console.mount import mount
from ostraka.policy.presets import default_policy
from ostraka.review.policies import PolicyStore
from ostraka.review.tables import AuthorRow, CaseRow, ItemRow, VerdictRow
from ostraka.server.app import create_app
from ostraka.settings import Settings
from ostraka.storage.database import Database
from ostraka.storage.ids import new_id
from ostraka.work.tables import WorkRow

MOST_MILLISECONDS = 50.0
AT_ONCE = 10_000
IN_A_THREAD = 20
ITEMS_OF_AN_AUTHOR = 50
WORDS = (
    *("river", "stone", "garden", "window", "letter", "silver"),
    *("morning", "paper", "winter", "signal", "market", "engine"),
)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="items that are kept")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, instead of SQLite")
    options = parser.parse_args()
    requests = 40 if options.quick else 200
    with TemporaryDirectory() as scratch:
        url = options.postgresql or f"sqlite:///{Path(scratch) / 'pages.db'}"
        cases, items = _fill(url, options.rows)
        settings = Settings(data_dir=Path(scratch), database_url=url, workers=0)
        app = create_app(settings)
        mount(app)
        base = "http://127.0.0.1"
        with TestClient(app, base_url=base, client=("127.0.0.1", 50000)) as client:
            figures = list(_measure(client, cases, items, requests))
    show(f"pages, {options.rows:,} items", figures, options.json)


def _measure(
    client: TestClient, cases: list[str], items: list[str], requests: int
) -> Iterator[Figure]:
    chance = random.Random(1)
    for name, addresses in (
        ("a case", [f"/cases/{chance.choice(cases)}" for _ in range(requests)]),
        ("the queue", ["/queue"] * requests),
        ("an item", [f"/items/{chance.choice(items)}" for _ in range(requests)]),
        ("a search", [f"/items?search={chance.choice(WORDS)}" for _ in range(requests)]),
    ):
        client.get(addresses[0]).raise_for_status()
        yield Figure(name, "ms", _times(client, addresses), goal=Goal(below=MOST_MILLISECONDS))
    waits, processor = _decisions(client, requests)
    yield Figure("decide, next case", "ms", waits, goal=Goal(below=MOST_MILLISECONDS))
    yield Figure("decide, next case, processor", "ms", processor)


def _times(client: TestClient, addresses: list[str]) -> list[float]:
    found = []
    for address in addresses:
        started = time.perf_counter()
        answer = client.get(address)
        found.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
    return found


def _decisions(client: TestClient, count: int) -> tuple[list[float], list[float]]:
    """One decision after the other, by the page's own form: until the next case, and processor."""
    token = client.get("/queue").text.split('name="form-token" content="')[1].split('"')[0]
    began = client.post("/queue/start", data={"form_token": token}, follow_redirects=False)
    address = began.headers["location"]
    waits, processor = [], []
    for _ in range(count):
        form = {
            "form_token": token,
            "key": new_id("form"),
            "action": "approve",
            "violation": "none",
            "queue": "",
        }
        started, used = time.perf_counter(), time.process_time()
        answer = client.post(f"{address}/decide", data=form, headers={"hx-request": "true"})
        waits.append((time.perf_counter() - started) * 1000)
        processor.append((time.process_time() - used) * 1000)
        answer.raise_for_status()
        address = answer.headers["hx-push-url"]
    return waits[5:], processor[5:]


def _fill(url: str, rows: int) -> tuple[list[str], list[str]]:
    """Items in threads, by authors, one in ten with a case; a sample of cases' and items' ids."""
    database, began = Database.at(url), time.time()
    cases: list[str] = []
    items: list[str] = []
    with database.writing() as session:
        PolicyStore().keep_default(session, datetime.now(UTC))
    for start in range(0, rows, AT_ONCE):
        made = [_rows(number) for number in range(start, min(rows, start + AT_ONCE))]
        with database.writing() as session:
            connection = session.connection()
            for table in (AuthorRow, ItemRow, VerdictRow, CaseRow, WorkRow):
                values = [each[table] for each in made if table in each]
                if values:
                    connection.execute(insert(table), values)
        cases += [each[CaseRow]["id"] for each in made if CaseRow in each][:20]
        items += [each[ItemRow]["id"] for each in made][:20]
    with database.writing() as session:
        session.execute(text("ANALYZE"))
    database.close()
    print(f"{rows:,} items in {time.time() - began:.0f} s")
    return cases, items


_AUTHORS: dict[int, str] = {}
_POLICY = default_policy().digest
_NOW = datetime.now(UTC)


def _rows(number: int) -> dict[Any, dict[str, Any]]:
    author, item_id, verdict_id = number // ITEMS_OF_AN_AUTHOR, new_id("item"), new_id("verdict")
    doubtful = number % 10 == 0
    action = "escalate" if doubtful else "approve"
    violation = "harassment" if doubtful else "none"
    found: dict[Any, dict[str, Any]] = {}
    if author not in _AUTHORS:
        _AUTHORS[author] = new_id("author")
        found[AuthorRow] = {
            "id": _AUTHORS[author],
            "created_at": _NOW,
            "external_id": f"author-{author}",
            "banned_permanently": False,
        }
    found[ItemRow] = {
        "id": item_id,
        "created_at": _NOW,
        "external_id": f"post-{number}",
        "fingerprint": "",
        "text": " ".join(random.Random(number).choices(WORDS, k=30)),
        "author_id": _AUTHORS[author],
        "thread_id": f"thread-{number // IN_A_THREAD}",
        "parent_id": f"post-{number // IN_A_THREAD * IN_A_THREAD}",
        "reach": number % 1000,
        "details": {},
        "action": action,
        "violation": violation,
        "verdict_id": verdict_id,
        "reports": 0,
    }
    found[VerdictRow] = _verdict(verdict_id, item_id, action, violation)
    if doubtful:
        found[CaseRow], found[WorkRow] = _case(number, item_id, verdict_id)
    return found


def _verdict(verdict_id: str, item_id: str, action: str, violation: str) -> dict[str, Any]:
    scores = {"harassment": 0.8, "hate": 0.02, "spam": 0.01, "violence": 0.01, "toxicity": 0.7}
    return {
        "id": verdict_id,
        "created_at": _NOW,
        "item_id": item_id,
        "policy_digest": _POLICY,
        "action": action,
        "violation": violation,
        "severity": "medium",
        "rule": "ambiguous",
        "why": "It may be a violation, and the scores do not settle it.",
        "path": [{"rule": f"rule-{step}", "matched": step == 9} for step in range(10)],
        "facts": {},
        "scores": scores,
        "stage": "lexical",
        "sure": False,
        "model": "ostraka-cascade@sha256:" + "0" * 64,
        "versions": {},
        "reason": "",
        "shadow": False,
    }


def _case(number: int, item_id: str, verdict_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    case_id = new_id("case")
    due = _NOW + timedelta(minutes=number % 3000)
    parts = [{"reason": "deadline of the queue", "seconds": 86400}]
    case = {
        "id": case_id,
        "created_at": _NOW,
        "kind": "item",
        "state": "open",
        "queue": "general",
        "item_id": item_id,
        "verdict_id": verdict_id,
        "why": "It may be a violation, and the scores do not settle it.",
        "severity": "medium",
        "urgency": parts,
        "due_at": due,
        "reviewers": 1,
    }
    work = {
        "id": new_id("work"),
        "created_at": _NOW,
        "run_at": _NOW,
        "queue": "review:general",
        "kind": "review",
        "state": "ready",
        "priority": -int(due.timestamp()),
        "payload": {"case_id": case_id},
        "attempts": 0,
        "max_attempts": 1_000_000,
        "token": 0,
        "subject": case_id,
    }
    return case, work


if __name__ == "__main__":
    main()
