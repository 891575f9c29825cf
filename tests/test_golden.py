"""Golden cases: named, dealt unseen, counted, retired."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from reviewing import (
    ANNA,
    APPROVE,
    BEN,
    ESCALATE,
    LEAD,
    REMOVE,
    add_case,
    add_item,
    cases,
    claim_and_settle,
    item,
    now,
)
from running import ostraka
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.review.golden import add_golden, every_golden, retire_golden
from ostraka.review.items import erase
from ostraka.review.quality import deal_golden
from ostraka.review.tables import CaseRow
from ostraka.review.terms import Ruling, Terms
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.taxonomy import Action, ViolationType

ALWAYS = Terms(policy_digest="sha256:" + "0" * 64, golden={"general": 1.0})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    with database.reading() as session:
        assert audit.verify(session).whole
    database.close()


def deal_after(database: Database, case_id: str) -> CaseRow | None:
    with database.writing() as session:
        session.expire_on_commit = False
        return deal_golden(session, session.get_one(CaseRow, case_id), ALWAYS, now())


def test_a_named_item_is_dealt_and_does_not_act(database: Database) -> None:
    known, ordinary = add_item(database, action="approve"), add_case(database)
    assert deal_after(database, ordinary) is None
    with database.writing() as session:
        add_golden(session, known, REMOVE, LEAD.id, now())
    dealt = deal_after(database, ordinary)
    assert dealt is not None
    assert (dealt.kind, dealt.item_id, dealt.queue) == ("golden", known, "general")
    claim_and_settle(database, ANNA, APPROVE)
    claim_and_settle(database, BEN, REMOVE)
    assert item(database, known).action == "approve"

    with database.writing() as session:
        retire_golden(session, known, LEAD.id, now())
    assert deal_after(database, ordinary) is None
    with database.writing() as session:
        with pytest.raises(NotFoundError):
            retire_golden(session, known, LEAD.id, now())
        add_golden(session, known, APPROVE, LEAD.id, now())
        [(golden, _)] = every_golden(session)
        assert (golden.action, golden.violation) == ("approve", "none")


def test_what_cannot_be_known_is_refused(database: Database) -> None:
    known = add_item(database)
    with database.writing() as session:
        for wrong in (ESCALATE, Ruling(Action.REMOVE, ViolationType.NONE)):
            with pytest.raises(InvalidInputError):
                add_golden(session, known, wrong, LEAD.id, now())
        with pytest.raises(NotFoundError):
            add_golden(session, "item_none", REMOVE, LEAD.id, now())


def test_an_erased_item_is_dealt_no_more(database: Database) -> None:
    known, ordinary = add_item(database), add_case(database)
    with database.writing() as session:
        golden = add_golden(session, known, REMOVE, LEAD.id, now())
        erase(session, known, LEAD.id, now())
        session.refresh(golden)
        assert (golden.explanation, golden.retired_at is None) == ("", False)
        with pytest.raises(ConflictError):
            add_golden(session, known, REMOVE, LEAD.id, now())
    assert deal_after(database, ordinary) is None
    assert cases(database, kind="golden") == []


def test_golden_cases_on_the_command_line(tmp_path: Path) -> None:
    database = Database.at(f"sqlite:///{tmp_path / '.ostraka' / 'ostraka.db'}")
    known = add_item(database)
    database.close()

    def run(*words: str) -> str:
        done = ostraka(tmp_path, "quality", "golden", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    right = ("--action", "remove", "--violation", "spam", "--why", "A lottery.")
    assert "is a golden case: remove, spam" in run("add", known, *right)
    [listed] = json.loads(run("list", "--json"))
    assert (listed["item_id"], listed["action"], listed["why"]) == (known, "remove", "A lottery.")
    assert "garden gnome" in run("list")
    run("retire", known)
    assert json.loads(run("list", "--json")) == []
    unknown = ostraka(tmp_path, "quality", "golden", "retire", "nothing")
    assert (unknown.returncode, "There is no item 'nothing'" in unknown.stderr) == (2, True)


def test_golden_cases_over_http(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}"
    (_, admin), (_, agent) = make_key(url, Scope.ADMIN), make_key(url, Scope.REVIEW)
    process, address = start_server(tmp_path, database_url=url, workers="0")
    with httpx.Client(base_url=address, headers={"authorization": f"Bearer {admin}"}) as api:
        known = api.post("/api/items", json={"text": "A lottery."}).json()["id"]
        right = {"action": "remove", "violation": "spam", "reasons": "Nobody entered it."}
        named = api.post(f"/api/golden/{known}", json=right).json()
        assert right.items() <= named.items()
        assert api.get("/api/golden").json() == {"data": [named]}
        unseen = api.get("/api/golden", headers={"authorization": f"Bearer {agent}"})
        assert unseen.status_code == 403
        open_ended = api.post(f"/api/golden/{known}", json={"action": "escalate"})
        assert (open_ended.status_code, open_ended.json()["error"]["field"]) == (400, "action")
        assert api.delete(f"/api/golden/{known}").json() == {"item_id": known, "retired": True}
        assert api.delete(f"/api/golden/{known}").status_code == 404
        assert api.post("/api/golden/item_none", json=right).status_code == 404
    process.terminate()
    assert process.wait(20) == 0
