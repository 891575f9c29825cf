"""Reports and appeals through a really started server, on both databases."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from item_calls import CLEAR, found, problem, send, served


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('items') / 'ostraka.db'}"
    return request.getfixturevalue("postgresql_cluster").new_database()


@pytest.fixture(scope="module")
def api(kept_at: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served(kept_at, tmp_path_factory.mktemp("log")) as client:
        yield client


def test_reports_open_a_case_and_hasten_it(api: httpx.Client) -> None:
    item = send(api, external_id="reported", text="Buy my bicycle.")

    def report(reporter: str, violation: str = "spam") -> dict[str, Any]:
        body = {"external_id": "reported", "reporter": reporter, "violation": violation}
        answer = api.post("/api/reports", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert report("r-1")["case_id"] is None
    assert report("r-1")["duplicate"]
    report("r-2")
    opened = report("r-3")
    assert opened["case_id"]
    assert (opened["reports"], opened["action"]) == (3, "escalate")
    before = api.get(f"/api/items/{item['id']}").json()
    with ThreadPoolExecutor(8) as threads:
        later = list(threads.map(report, [f"s-{number}" for number in range(30)]))
    assert {each["case_id"] for each in later} == {opened["case_id"]}
    after = api.get(f"/api/items/{item['id']}").json()
    assert (after["reports"], len(after["reports_received"])) == (33, 33)
    assert after["cases"][0]["due_at"] < before["cases"][0]["due_at"]
    assert [each["action"] for each in after["verdicts"]] == ["approve", "escalate"]
    assert found(api, state="open", external_id="reported") == ["reported"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"item_id": "item_none", "violation": "spam"}, (404, "not_found", None)),
        ({"external_id": "none", "violation": "spam"}, (404, "not_found", "external_id")),
        ({"violation": "spam"}, (400, "missing", "item_id")),
        (
            {"item_id": "x", "external_id": "y", "violation": "spam"},
            (400, "invalid_value", "item_id"),
        ),
        ({"item_id": "x", "violation": "none"}, (400, "invalid_value", "violation")),
    ],
)
def test_wrong_reports(api: httpx.Client, body: dict[str, str], expected: Any) -> None:
    assert problem(api.post("/api/reports", json={"reporter": "r"} | body)) == expected


def test_appeals(api: httpx.Client) -> None:
    item = send(api, text=CLEAR, external_id="appealed", author="amy")
    body = {"item_id": item["id"], "author": "amy", "reason": "It was a quotation."}
    assert problem(api.post("/api/appeals", json=body | {"author": "bob"}))[2] == "author"
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.post("/api/appeals", json=body), range(8)))
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 7}
    opened = next(each.json() for each in answers if each.status_code == 200)
    assert (opened["state"], opened["appealed_action"]) == ("open", "remove")
    shown = api.get(f"/api/appeals/{opened['id']}").json()
    assert (shown["case_id"], shown["reason"]) == (opened["case_id"], "It was a quotation.")
    cases = api.get(f"/api/items/{item['id']}").json()["cases"]
    assert [(case["kind"], case["state"]) for case in cases] == [("appeal", "open")]
    assert found(api, state="appealed", external_id="appealed") == ["appealed"]
    listed = api.get("/api/appeals", params={"state": "open"}).json()["data"]
    assert opened["id"] in {each["id"] for each in listed}

    withdrawn = api.delete(f"/api/appeals/{opened['id']}").json()
    assert withdrawn["state"] == "withdrawn"
    assert api.get(f"/api/items/{item['id']}").json()["cases"][0]["state"] == "withdrawn"
    assert api.post("/api/appeals", json=body).status_code == 200


def test_nothing_to_appeal(api: httpx.Client) -> None:
    item = send(api, external_id="fine")
    answer = api.post("/api/appeals", json={"item_id": item["id"], "reason": "Why?"})
    assert problem(answer) == (409, "nothing_to_appeal", None)
