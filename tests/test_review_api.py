"""Queues, cases and decisions over HTTP, by agents with keys."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from reviewing import add_appeal, add_case, add_item, case, decision, item, strikes
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.storage.database import Database


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reviewing")


@pytest.fixture(scope="module")
def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ostraka.db'}"


@pytest.fixture(scope="module")
def keys(url: str) -> dict[str, tuple[str, str]]:
    """Made before the server starts: one that is open would take strange keys for nobody's."""
    scopes = {"agent": Scope.REVIEW, "other": Scope.REVIEW, "lead": Scope.ADMIN}
    return {
        name: make_key(url, scope)
        for name, scope in (scopes | {"outsider": Scope.MODERATE}).items()
    }


@pytest.fixture(scope="module")
def address(folder: Path, url: str, keys: dict[str, tuple[str, str]]) -> Iterator[str]:
    process, address = start_server(folder, database_url=url, review_lease_seconds="600")
    yield address
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    database = Database.at(url)
    yield database
    database.close()


def client(address: str, key: tuple[str, str]) -> httpx.Client:
    headers = {"authorization": f"Bearer {key[1]}"}
    return httpx.Client(base_url=address, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def agent(address: str, keys: dict[str, tuple[str, str]]) -> Iterator[httpx.Client]:
    with client(address, keys["agent"]) as made:
        yield made


@pytest.fixture(scope="module")
def other(address: str, keys: dict[str, tuple[str, str]]) -> Iterator[httpx.Client]:
    with client(address, keys["other"]) as made:
        yield made


@pytest.fixture(scope="module")
def lead(address: str, keys: dict[str, tuple[str, str]]) -> Iterator[httpx.Client]:
    with client(address, keys["lead"]) as made:
        yield made


def claim(who: httpx.Client) -> str | None:
    found = who.post("/api/cases/claim").json()["case"]
    return found["id"] if found else None


def remove(who: httpx.Client, case_id: str, key: str | None = None) -> httpx.Response:
    return who.post(
        f"/api/cases/{case_id}/decisions",
        json={"action": "remove", "violation": "harassment", "reasons": "Insults."},
        headers={"idempotency-key": key} if key else {},
    )


def error(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_an_agent_works_through_a_case(
    database: Database, agent: httpx.Client, other: httpx.Client, keys: dict
) -> None:
    item_id = add_item(database)
    case_id = add_case(database, item_id)
    answer = agent.post("/api/cases/claim", json={"queues": ["general"]}).json()
    assert answer["expires_at"]
    shown = answer["case"]
    assert (shown["id"], shown["kind"], shown["state"]) == (case_id, "item", "open")
    assert shown["item"]["text"] == "Your garden gnome looks silly."
    assert shown["urgency"]["sentence"].startswith("1 d to decide, less 3 h 36 min for medium")
    assert shown["author"]["prior_actions"] == []
    assert shown["verdict"]["scores"] == {"harassment": 0.5}
    assert claim(other) is None
    assert agent.post(f"/api/cases/{case_id}/heartbeat").json()["case_id"] == case_id
    refused = error(other.post(f"/api/cases/{case_id}/heartbeat"), 409)
    assert refused["code"] == "not_claimed"
    wrong = error(agent.post(f"/api/cases/{case_id}/decisions", json={"action": "remove"}), 400)
    assert (wrong["field"], "harassment" in wrong["valid"]) == ("violation", True)
    made = remove(agent, case_id, "first")
    again = remove(agent, case_id, "first")
    assert made.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    body = made.json()
    assert (body["action"], body["case"]["state"]) == ("remove", "decided")
    assert body["reviewer_kind"] == "agent"
    assert body["reviewer"] == keys["agent"][0]
    assert item(database, item_id).action == "remove"
    assert error(remove(agent, case_id), 409)["code"] == "case_closed"
    undo = agent.post(f"/api/decisions/{body['id']}/undo", json={"reasons": "Misread."})
    assert (undo.status_code, undo.json()["claimed"], undo.json()["told"]) == (200, True, False)
    assert undo.json()["reverses"] == body["id"]
    assert agent.post(f"/api/cases/{case_id}/release").json()["released"]
    assert item(database, item_id).action == "escalate"
    assert claim(other) == case_id
    refused = error(other.post(f"/api/decisions/{body['id']}/undo"), 403)
    assert remove(other, case_id).status_code == 200
    assert strikes(database)


def test_skips_are_seen_by_leads(
    database: Database, agent: httpx.Client, lead: httpx.Client
) -> None:
    case_id = add_case(database)
    assert claim(agent) == case_id
    skip = f"/api/cases/{case_id}/skip"
    assert error(agent.post(skip), 400)["field"] == "reason"
    assert agent.post(skip, json={"reason": "Not my language."}).json()["skipped"]
    assert claim(agent) is None
    assert error(agent.get("/api/cases/skips"), 403)["code"]
    [seen] = lead.get("/api/cases/skips").json()["data"]
    assert (seen["case_id"], seen["reason"]) == (case_id, "Not my language.")
    assert error(agent.post(f"/api/cases/{case_id}/claim"), 403)
    assert lead.post(f"/api/cases/{case_id}/claim").json()["case"]["id"] == case_id
    assert remove(lead, case_id).status_code == 200
    assert lead.get("/api/cases/skips").json()["data"] == []


def test_lists_and_counts(database: Database, lead: httpx.Client) -> None:
    opened = [add_case(database, queue="crisis", hours=hours) for hours in (3, 1, 2)]
    first = lead.get("/api/cases", params={"queue": "crisis", "limit": 2}).json()
    rest = lead.get(
        "/api/cases",
        params={"queue": "crisis", "limit": 2, "cursor": first["next_cursor"]},
    ).json()
    assert [each["id"] for each in first["data"] + rest["data"]] == [
        opened[1],
        opened[2],
        opened[0],
    ]
    assert rest["next_cursor"] is None
    counts = {each["name"]: each for each in lead.get("/api/queues").json()["data"]}
    assert (counts["crisis"]["open"], counts["crisis"]["overdue"]) == (3, 0)
    assert counts["crisis"]["next_due_at"] == first["data"][0]["due_at"]
    assert {"general", "appeals", "zero-tolerance"} <= set(counts)
    assert error(lead.get("/api/cases", params={"state": "lost"}), 400)["field"] == "state"
    assert error(lead.get("/api/cases/case_unknown"), 404)["code"] == "not_found"
    for case_id in opened:
        assert lead.get(f"/api/cases/{case_id}").json()["id"] == case_id
        assert lead.post(f"/api/cases/{case_id}/claim").status_code == 200
        assert remove(lead, case_id).status_code == 200


def test_an_appeal_is_decided_by_a_second_reviewer(
    database: Database, agent: httpx.Client, other: httpx.Client
) -> None:
    item_id = add_item(database)
    add_case(database, item_id)
    first = remove(agent, claim(agent)).json()
    appeal_case = add_appeal(database, item_id, first["id"])
    assert claim(agent) is None
    assert error(agent.post(f"/api/decisions/{first['id']}/undo"), 409)["code"] == "appealed"
    shown = other.post("/api/cases/claim").json()["case"]
    assert (shown["id"], shown["kind"]) == (appeal_case, "appeal")
    assert shown["appeal"]["reason"] == "It was a quotation."
    assert shown["appeal"]["appealed_reasons"] == "Insults."
    decided = other.post(f"/api/cases/{appeal_case}/decisions", json={"action": "approve"})
    assert decided.status_code == 200
    assert decision(database, decided.json()["id"]).counts
    assert item(database, item_id).action == "approve"


def test_bulk_with_preview_and_undo(
    database: Database, agent: httpx.Client, lead: httpx.Client
) -> None:
    items = [add_item(database, author="flooder") for _ in range(3)]
    held = add_case(database, items[0])
    asked = {"items": {"author": "flooder"}, "action": "remove", "violation": "spam"}
    assert error(agent.post("/api/decisions/bulk/preview", json=asked), 403)
    seen = lead.post("/api/decisions/bulk/preview", json=asked).json()
    assert [each["item_id"] for each in seen["changes"]] == items
    assert error(lead.post("/api/decisions/bulk", json=asked), 400)["field"] == "token"
    stale = error(lead.post("/api/decisions/bulk", json=asked | {"token": "other"}), 409)
    assert stale["code"] == "preview_outdated"
    done = lead.post("/api/decisions/bulk", json=asked | {"token": seen["token"]}).json()
    assert [item(database, each).action for each in items] == ["remove"] * 3
    assert case(database, held).state == "withdrawn"
    undone = lead.post(f"/api/decisions/bulk/{done['bulk_id']}/undo").json()
    assert (len(undone["undone"]), undone["kept"]) == (3, {})
    assert case(database, held).state == "open"
    nothing = error(lead.post("/api/decisions/bulk/preview", json=asked | {"items": {}}), 400)
    assert nothing["field"] == "item_ids"


def test_who_may_not_review(address: str, keys: dict) -> None:
    with client(address, keys["outsider"]) as outsider:
        for path in ("/api/cases/claim", "/api/decisions/bulk", "/api/decisions/x/undo"):
            assert error(outsider.post(path), 403)["code"] == "insufficient_permissions"
        assert error(outsider.get("/api/queues"), 403)
