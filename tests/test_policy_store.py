"""Policies that are added, activated, rolled back and tried in shadow, by HTTP and command line."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import KIND, RUDE, ostraka
from serving import start_server

from ostraka.review.quality import is_sampled
from ostraka.review.tables import CaseRow, StrikeRow
from ostraka.server.description.policies import SMALL_POLICY
from ostraka.storage.database import Database

STRICT = """
name = "removes everything"

[[rules]]
name = "everything"
when = "text_length > 0"
action = "remove"
violation = "spam"

[[queues]]
name = "general"
"""


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    process, address = start_server(tmp_path, database_url=database_url, workers="1")
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
    process.terminate()
    assert process.wait(20) == 0


def post(api: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def active(api: httpx.Client) -> str:
    return api.get("/api/policies/active").json()["digest"]


def test_policies_come_and_go(api: httpx.Client) -> None:
    first = active(api)
    wrong = api.post("/api/policies", json={"document": 'name = "x"\nanything = 1\n'})
    assert wrong.status_code == 400
    assert "anything" in wrong.json()["error"]["message"]

    strict = post(api, "/api/policies", document=STRICT, note="Try it.")
    assert post(api, "/api/policies", document=f"# The same.\n{STRICT}") == strict
    small = post(api, "/api/policies", document=SMALL_POLICY)
    address = f"/api/policies/{strict['digest']}"
    assert api.get(address).json() == strict | {"document": STRICT}
    assert post(api, "/api/items", text=KIND)["action"] == "approve"
    assert code(api.post(f"{address}/activate", json={})) == (409, "no_backtest")
    assert active(api) == first

    activated = post(api, f"{address}/activate", note="Now.", without_backtest=True)
    assert (activated["kind"], activated["policy"], activated["actor"]) == (
        "active",
        strict["digest"],
        "local",
    )
    again = api.post(f"{address}/activate", json={"without_backtest": True})
    assert code(again) == (409, "already_active")
    judged = post(api, "/api/items", text=KIND)
    assert (judged["action"], judged["verdict"]["policy"]) == ("remove", strict["digest"])

    post(api, f"/api/policies/{small['digest'][7:19]}/activate", without_backtest=True)
    assert post(api, "/api/policies/rollback")["policy"] == strict["digest"]
    assert post(api, "/api/policies/rollback", note="Too strict.")["policy"] == first
    assert code(api.post("/api/policies/rollback", json={})) == (409, "nothing_before")
    assert post(api, "/api/items", text=KIND)["action"] == "approve"
    explained = api.get(f"/api/items/{judged['id']}/explain").json()
    assert explained["same"] is True
    steps = api.get("/api/policies/activations", params={"limit": 3}).json()
    assert [step["policy"] for step in steps["data"]] == [first, strict["digest"], small["digest"]]
    listed = api.get("/api/policies", params={"limit": 2}).json()
    rest = api.get("/api/policies", params={"cursor": listed["next_cursor"]}).json()
    names = [each["name"] for each in listed["data"] + rest["data"]]
    assert sorted(names) == ["default", "only threats", "removes everything"]
    assert code(api.get("/api/policies/sha256:none")) == (404, "not_found")


def said_of(api: httpx.Client, item: dict[str, Any], count: int) -> set[tuple[str, bool]]:
    """Actions and whether they are shadows', once a worker has looked at the item."""
    end = time.monotonic() + 60
    while True:
        said = api.get(f"/api/items/{item['id']}/verdicts").json()["data"]
        if len(said) >= count or time.monotonic() > end:
            return {(each["action"], each["shadow"]) for each in said}
        time.sleep(0.1)


def test_backtest_precedes_activation(api: httpx.Client, database_url: str, tmp_path: Path) -> None:
    item = post(api, "/api/items", text=KIND)
    strict = post(api, "/api/policies", document=STRICT)
    address = f"/api/policies/{strict['digest']}"
    assert code(api.get(f"{address}/backtest")) == (404, "not_found")
    assert code(api.post(f"{address}/activate", json={})) == (409, "no_backtest")
    made = post(api, f"{address}/backtest", items=10)
    assert made["report"]["compared"]["newly_caught"] == 1
    kept = api.get(f"{address}/backtest").json()
    assert kept["id"] == made["id"]
    (example,) = kept["report"]["compared"]["caught"]
    assert (example["item_id"], example["text"]) == (item["id"], KIND)
    assert api.post(f"{address}/backtest", json={"items": 0}).status_code == 400
    wrong = {"since": "2026-01-02", "until": "2026-01-01"}
    assert api.post(f"{address}/backtest", json=wrong).json()["error"]["field"] == "since"
    assert post(api, f"{address}/activate")["policy"] == strict["digest"]
    assert post(api, "/api/items", text=KIND)["action"] == "remove"

    (tmp_path / "draft.toml").write_text(SMALL_POLICY)
    where = {"OSTRAKA_DATABASE_URL": database_url}
    done = ostraka(tmp_path, "policy", "backtest", str(tmp_path / "draft.toml"), "--json", **where)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["compared"]["newly_freed"] == 2  # both by the policy that acts now
    shown = ostraka(tmp_path, "policy", "backtest", str(tmp_path / "draft.toml"), **where)
    assert "Newly freed: 2" in shown.stdout
    again = ostraka(tmp_path, "items", "explain", item["id"], "--json", **where)
    assert json.loads(again.stdout)["same"] is True
    quality = ostraka(tmp_path, "quality", "report", "--json", **where)
    assert json.loads(quality.stdout)["second_reviews"] == 0
    assert api.get("/api/quality").json()["second_reviews"] == 0
    assert sum(day["items"] for day in api.get("/api/insights").json()["volume"]) == 2
    assert code(api.get("/api/insights", params={"since": "2020-01-01"}))[0] == 400


def test_shadow_sees_everything_and_does_nothing(api: httpx.Client, database_url: str) -> None:
    strict = post(api, "/api/policies", document=STRICT)
    address = f"/api/policies/{strict['digest']}/shadow"
    assert code(api.delete(address)) == (409, "not_in_shadow")
    post(api, address, note="A week.")
    assert code(api.post(address, json={})) == (409, "in_shadow")
    assert api.get("/api/policies/active").json()["shadows"] == [strict["digest"]]
    item = post(api, "/api/items", text=KIND, author="amy")
    assert item["action"] == "approve"
    assert said_of(api, item, 2) == {("approve", False), ("remove", True)}
    report = api.get(address).json()
    assert (report["compared"]["items"], report["missing"]) == (1, 999)
    assert report["compared"]["caught"][0]["text"] == KIND
    (listed,) = api.get("/api/shadow").json()["data"]
    assert listed["subject"] == strict["digest"]
    assert code(
        api.post(f"{address.removesuffix('shadow')}activate", json={"without_backtest": True})
    ) == (
        409,
        "shadow_too_short",
    )
    database = Database.at(database_url)
    with database.reading() as session:
        assert session.query(StrikeRow).count() == session.query(CaseRow).count() == 0
    database.close()
    assert api.delete(address).json()["kind"] == "shadow_ended"
    item = post(api, "/api/items", text=KIND)
    assert len(api.get(f"/api/items/{item['id']}/verdicts").json()["data"]) == 1


def test_running_server_notices_the_command_line(
    api: httpx.Client, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "strict.toml").write_text(STRICT)
    where = {"OSTRAKA_DATABASE_URL": database_url}

    def run(*words: str) -> Any:
        done = ostraka(tmp_path, "policy", *words, "--json", **where)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert post(api, "/api/items", text=KIND)["action"] == "approve"
    added = run("add", "strict.toml", "--note", "Try it.")
    refused = ostraka(tmp_path, "policy", "activate", added["digest"], **where)
    assert refused.returncode == 2
    assert "backtest" in refused.stderr
    run("activate", added["digest"][7:17], "--without-backtest")
    assert post(api, "/api/items", text=KIND)["action"] == "remove"
    states = {each["name"]: each["state"] for each in run("list")["policies"]}
    assert states == {"default": "", "removes everything": "acts"}
    run("rollback")
    assert post(api, "/api/items", text=KIND)["action"] == "approve"


def test_reports_after_a_decision_only_ask_again(api: httpx.Client) -> None:
    def report(name: str, *reporters: str) -> str | None:
        for reporter in reporters:
            found = post(api, "/api/reports", external_id=name, reporter=reporter, violation="spam")
        return found["case_id"]

    # One case in ten is decided twice, and would be open still: not this one.
    for number in range(50):
        name = f"bicycle-{number}"
        item = post(api, "/api/items", text=f"Buy my bicycle {number}.", external_id=name)
        first = report(name, "a", "b", "c")
        assert first
        if not is_sampled(first, 1.0 / 10, "second review"):
            break
    claims = (api.post("/api/cases/claim", json={}).json() for _ in range(number + 20))
    assert any(first in json.dumps(each) for each in claims)
    post(api, f"/api/cases/{first}/decisions", action="approve", reasons="A fair offer.")
    assert report(name, "d", "e") is None
    shown = api.get(f"/api/items/{item['id']}").json()
    assert (shown["action"], shown["decisions"][0]["action"]) == ("approve", "approve")
    again = report(name, "f")
    assert again not in (None, first)
    assert api.get(f"/api/items/{item['id']}").json()["action"] == "approve"


def test_banned_author_is_known_as_such(api: httpx.Client) -> None:
    items = [{"text": f"{RUDE} Pathetic loser.", "author": "x"} for _ in range(8)]
    api.post("/api/items", json=items)
    last = post(api, "/api/items", text=KIND, author="x")
    facts = api.get(f"/api/items/{last['id']}/verdicts").json()["data"][0]["facts"]
    assert facts["author"]["banned"] == (facts["author"]["violations"] >= 5)
