"""Items through a really started server, on both databases."""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from item_calls import CLEAR, found, problem, send, served
from running import KIND, RUDE
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.review.tables import ItemRow, VerdictRow
from ostraka.storage.database import Database
from ostraka.taxonomy import Action


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('items') / 'ostraka.db'}"
    return request.getfixturevalue("postgresql_cluster").new_database()


@pytest.fixture(scope="module")
def api(kept_at: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(kept_at, tmp_path_factory.mktemp("log")) as client:
        yield client


def test_verdict_is_the_answer(api: httpx.Client) -> None:
    kind, rude = send(api, external_id="v-kind"), send(api, text=CLEAR, external_id="v-rude")
    assert (kind["action"], kind["violation"], kind["case_id"]) == ("approve", "none", None)
    assert (rude["action"], rude["violation"]) == ("remove", "harassment")
    verdict = rude["verdict"]
    assert verdict["rule"] == "clear"
    assert verdict["scores"]["harassment"] > 0.9
    assert verdict["model"].startswith("ostraka-cascade@sha256:")
    assert verdict["policy"] == api.get("/api/policies/active").json()["digest"]


def test_lists_are_taken_whole_or_not_at_all(api: httpx.Client) -> None:
    answer = api.post("/api/items", json=[{"text": KIND, "external_id": "l-1"}, {"text": RUDE}])
    assert [each["action"] == "approve" for each in answer.json()["data"]] == [True, False]
    refused = api.post(
        "/api/items",
        json=[{"text": KIND, "external_id": "l-2"}, {"text": "Else", "external_id": "l-1"}],
    )
    assert problem(refused) == (409, "other_content", "[1].text")
    assert api.get("/api/items", params={"external_id": "l-2"}).json()["data"] == []


def test_same_content_again_is_the_same_answer(api: httpx.Client) -> None:
    first = send(api, external_id="same", author="ann", metadata={"b": 1, "a": [2]})
    again = send(api, external_id="same", author="ann", metadata={"a": [2], "b": 1})
    assert again == first | {"duplicate": True}
    body = [{"text": "Twice", "external_id": "twice"}] * 2
    one, two = api.post("/api/items", json=body).json()["data"]
    assert two == one | {"duplicate": True}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": "Other"}, "text"),
        ({"author": "ben"}, "author"),
        ({"reach": 2}, "reach"),
        ({"metadata": {"a": 2}}, "metadata"),
        ({"language": "de"}, "language"),
    ],
)
def test_other_content_is_a_conflict(api: httpx.Client, change: dict[str, Any], field: str) -> None:
    item = {"text": KIND, "external_id": "other", "author": "ann", "metadata": {"a": 1}}
    send(api, **item)
    answer = api.post("/api/items", json=item | change)
    assert problem(answer) == (409, "other_content", field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": 3}, "text"),
        ([{"text": "a"}, {"text": "a", "reach": -1}], "[1].reach"),
        ([{"text": "a", "autor": "x"}], "[0].autor"),
        ({"text": "a", "language": "!"}, "language"),
        ({"text": "a", "metadata": {"a": ["\0"]}}, "metadata.a[0]"),
        ({"text": "a", "metadata": {"a": "b" * 20_000}}, "metadata"),
        ({"text": "a", "author_since": "2026-01-01T00:00:00"}, "author_since"),
        ([], None),
        ([{"text": "a"}] * 101, None),
        ("text", None),
    ],
)
def test_wrong_items_are_refused_by_field(api: httpx.Client, body: Any, field: str | None) -> None:
    status, _, named = problem(api.post("/api/items", json=body))
    assert (status, named) == (400, field)


def test_idempotency_key(api: httpx.Client) -> None:
    headers = {"idempotency-key": "once"}
    first = api.post("/api/items", json={"text": "Without an id"}, headers=headers)
    again = api.post("/api/items", json={"text": "Without an id"}, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = api.post("/api/items", json={"text": "Something else"}, headers=headers)
    assert problem(other) == (409, "idempotency_key_reused", "Idempotency-Key")


def test_same_item_sixteen_times_at_once_is_kept_once(api: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: send(api, external_id="raced"), range(16)))
    assert len({answer["id"] for answer in answers}) == 1
    assert Counter(answer["duplicate"] for answer in answers) == {False: 1, True: 15}


def test_same_item_at_two_servers_at_once_is_kept_once(
    api: httpx.Client, kept_at: str, tmp_path: Path
) -> None:
    process, address = start_server(tmp_path, database_url=kept_at)
    with httpx.Client(base_url=address, timeout=60) as other:

        def post(number: int) -> dict[str, Any]:
            which = (api, other)[number % 2]
            return send(which, external_id=f"two-{number // 8}", author=f"two-{number // 8 // 4}")

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(post, range(64)))
    process.terminate()
    assert process.wait(20) == 0
    ids = {(answer["external_id"], answer["id"]) for answer in answers}
    assert len(ids) == 8


def test_ladder_sees_what_was_done_before(api: httpx.Client) -> None:
    one = api.post("/api/items", json=[{"text": CLEAR, "author": "repeat"}] * 4).json()["data"]
    two = [send(api, text=CLEAR, author="repeat") for _ in range(3)]
    actions = [each["action"] for each in one + two]
    assert actions[0] == "remove"
    assert "ban_temporary" in actions
    assert actions[-1] == "ban_permanent"
    record = api.get(f"/api/items/{two[-1]['id']}").json()["author_record"]
    assert record["banned"]
    assert record["banned_permanently"]
    assert record["violations"] == 7


def test_facts_of_author_thread_and_item(api: httpx.Client) -> None:
    send(api, text=CLEAR, author="facts", thread_id="thread-1")
    item = send(
        api,
        author="facts",
        author_since="2020-01-01T00:00:00Z",
        thread_id="thread-1",
        parent_id="p",
        language="en",
        source="forum",
        reach=7,
        metadata={"club": "chess"},
    )
    facts = api.get(f"/api/items/{item['id']}/verdicts").json()["data"][0]["facts"]
    assert facts["thread"] == {"items": 1, "violations": 1}
    assert facts["author"]["violations"] == 1
    assert facts["author"]["prior_actions"][0]["action"] == "remove"
    assert facts["author"]["age_days"] > 2000
    assert facts["item"] == {
        "language": "en",
        "source": "forum",
        "reach": 7,
        "has_parent": True,
        "metadata": {"club": "chess"},
    }


def test_pages_follow_each_other(api: httpx.Client) -> None:
    names = [f"page-{number}" for number in range(7)]
    for name in names:
        send(api, external_id=name, source="pages")
    seen, cursor = [], None
    while True:
        params = {"source": "pages", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api.get("/api/items", params=params).json()
        seen += [item["external_id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == names[::-1]


def test_filters(api: httpx.Client) -> None:
    shared = {"source": "filters"}
    send(api, external_id="f-1", author="fay", language="en", thread_id="f", **shared)
    send(api, external_id="f-2", text=CLEAR, author="gus", language="de", **shared)
    assert found(api, author="fay", **shared) == ["f-1"]
    assert found(api, language="de", **shared) == ["f-2"]
    assert found(api, thread_id="f", **shared) == ["f-1"]
    assert found(api, action="remove", **shared) == ["f-2"]
    assert found(api, violation="harassment", **shared) == ["f-2"]
    assert found(api, state="kept", **shared) == ["f-2", "f-1"]
    assert found(api, state="decided", **shared) == []
    assert found(api, **{"from": "2026-01-01"}, **shared) == ["f-2", "f-1"]
    assert found(api, to="2026-01-01T00:00:00+02:00", **shared) == []


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("lighthouse", ["s-2", "s-1"]),
        ("LIGHTHOUSE keeper", ["s-1"]),
        ('"keeper of"', ["s-1"]),
        ('"of keeper"', []),
        ("light*", ["s-3", "s-2", "s-1"]),
        ("light", []),
        ("наш маяк", ["s-3"]),
        ("example.org", ["s-2"]),
        ("c'est", ["s-3"]),
        ("'); -- lighthouse", ["s-2", "s-1"]),
    ],
)
def test_search(api: httpx.Client, search: str, expected: list[str]) -> None:
    send(api, external_id="s-1", text="The keeper of the lighthouse.")
    send(api, external_id="s-2", text="A lighthouse: see https://example.org/towers")
    send(api, external_id="s-3", text="Наш маяк, c'est lightning")
    assert found(api, search=search) == expected


def test_search_goes_through_pages(api: httpx.Client) -> None:
    for number in range(5):
        send(api, external_id=f"zebra-{number}", text="A zebra crossed.")
    first = api.get("/api/items", params={"search": "zebra", "limit": 2}).json()
    rest = found(api, search="zebra", cursor=first["next_cursor"])
    assert rest == ["zebra-2", "zebra-1", "zebra-0"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"autor": "x"}, "autor"),
        ({"action": "forgive"}, "action"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "!"}, "cursor"),
        ({"from": "yesterday"}, "from"),
        ({"search": "*"}, "search"),
        ({"author": "a\0"}, "author"),
    ],
)
def test_wrong_parameters_are_refused(
    api: httpx.Client, params: dict[str, str], field: str
) -> None:
    answer = api.get("/api/items", params=params)
    status, _, named = problem(answer)
    assert (status, named) == (400, field)


def test_erased_text_is_nowhere(api: httpx.Client, kept_at: str) -> None:
    secret = "quixotic"
    item = send(
        api, text=f"{CLEAR} {secret}", external_id="gone", author="gil", metadata={"word": secret}
    )
    note = {"external_id": "gone", "reporter": "r", "violation": "spam", "note": secret}
    assert api.post("/api/reports", json=note).status_code == 200
    appeal = api.post("/api/appeals", json={"external_id": "gone", "reason": secret}).json()
    assert found(api, search=secret) == ["gone"]

    erased = api.delete(f"/api/items/{item['id']}")
    assert (erased.status_code, erased.json()["text"]) == (200, None)
    assert api.delete(f"/api/items/{item['id']}").json() == erased.json()
    assert found(api, search=secret) == []
    shown = api.get(f"/api/items/{item['id']}")
    assert shown.json()["verdicts"][0]["action"] == "remove"
    assert secret not in shown.text + api.get("/api/items").text + api.get("/api/appeals").text
    assert api.get(f"/api/appeals/{appeal['id']}").json()["state"] == "withdrawn"
    assert not is_anywhere(kept_at, secret)
    again = api.post("/api/items", json={"text": KIND, "external_id": "gone"})
    assert problem(again) == (409, "erased", "external_id")


def is_anywhere(url: str, word: str) -> bool:
    """Whether any row of any table holds a word."""
    database = Database.at(url)
    with database.reading() as session:
        for table in ItemRow.metadata.sorted_tables:
            for row in session.execute(table.select()):
                if word in repr(tuple(row)):
                    return True
    database.close()
    return False


def test_explanation_says_same_or_why_not(api: httpx.Client, kept_at: str) -> None:
    item = send(api, text=CLEAR, author="eve")
    address = f"/api/items/{item['id']}/explain"
    answer = api.get(address).json()
    assert (answer["same"], answer["differences"]) == (True, [])
    assert answer["again"]["path"] == answer["verdict"]["path"]

    database = Database.at(kept_at)
    with database.writing() as session:
        session.get_one(VerdictRow, item["verdict"]["id"]).scores = {"harassment": 0.1}
    answer = api.get(address).json()
    assert answer["same"] is False
    assert answer["differences"][0]["field"].startswith("scores.")
    with database.writing() as session:
        session.get_one(VerdictRow, item["verdict"]["id"]).model = (
            "ostraka-cascade@sha256:" + "0" * 64
        )
    answer = api.get(address).json()
    assert answer["same"] is None
    assert "no longer served" in answer["obstacle"]
    database.close()
    api.delete(f"/api/items/{item['id']}")
    assert "erased" in api.get(address).json()["obstacle"]
    assert problem(api.get(address, params={"verdict_id": "none"}))[0] == 404


def test_killed_server_loses_no_acknowledged_item(database_url: str, tmp_path: Path) -> None:
    process, address = start_server(tmp_path, database_url=database_url)
    acknowledged: list[str] = []

    def post(worker: int) -> None:
        with httpx.Client(base_url=address, timeout=30) as client:
            for number in range(1000):
                name = f"{worker}-{number}"
                try:
                    answer = client.post(
                        "/api/items", json={"text": RUDE, "external_id": name, "author": "x"}
                    )
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                acknowledged.append(name)

    with ThreadPoolExecutor(4) as threads:
        posting = [threads.submit(post, worker) for worker in range(4)]
        while len(acknowledged) < 40:
            pass
        kill(process)
        for each in posting:
            each.result()
    database = Database.at(database_url)
    with database.reading() as session:
        items = {row.external_id: row for row in session.query(ItemRow)}
        verdicts = {row.id: row for row in session.query(VerdictRow)}
        assert set(acknowledged) <= items.keys()
        for item in items.values():
            assert verdicts[item.verdict_id].item_id == item.id
        assert len(verdicts) == len(items)
    database.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(20)


def test_scopes(tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'ostraka.db'}"
    _, moderating = make_key(database_url, Scope.MODERATE)
    _, reviewing = make_key(database_url, Scope.REVIEW)
    process, address = start_server(tmp_path, database_url=database_url)

    def status(method: str, path: str, key: str | None) -> int:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.request(method, address + path, headers=headers).status_code

    try:
        assert status("GET", "/api/items", None) == 401
        assert status("GET", "/api/items", moderating) == 200
        assert status("GET", "/api/items", reviewing) == 403
        assert status("GET", "/api/policies", moderating) == 403
        assert status("GET", "/api/appeals", moderating) == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_errors_say_what_would_be_valid(api: httpx.Client) -> None:
    unknown = api.post("/api/cases/case_1/decisions", json={"action": "hug"}).json()["error"]
    assert (unknown["field"], unknown["valid"]) == ("action", [str(each) for each in Action])
    empty = api.post("/api/items", json={"text": ""}).json()["error"]
    assert (empty["field"], empty["valid"]) == ("text", "str of length >= 1")
    for key in ("two words", "\u00e9", "x" * 201):
        headers = {"idempotency-key": key.encode()}
        refused = api.post("/api/items", json={"text": "a"}, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]["field"] == "Idempotency-Key"
