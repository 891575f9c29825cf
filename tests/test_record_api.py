"""Webhooks, the audit log and statements over HTTP and on the command line, on a started server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from recording import OCTOBER, History
from running import ostraka
from serving import make_key, start_server
from standardwebhooks import Webhook

from ostraka.access.keys import Scope
from ostraka.storage.database import Database
from ostraka.testing.webhook_receiver import Step, webhook_receiver


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('record') / 'ostraka.db'}"
    return request.getfixturevalue("postgresql_cluster").new_database()


@pytest.fixture(scope="module")
def folder(kept_at: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folder")
    settings = f'database_url = "{kept_at}"\nwebhook_private_addresses = true\n'
    (folder / "ostraka.toml").write_text(settings + "webhook_pauses = [0.2]\n")
    return folder


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[httpx.Client]:
    process, address = start_server(folder, workers="1")
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
    process.terminate()
    assert process.wait(30) == 0


def good(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["field"]


def deliveries(api: httpx.Client, **wanted: str) -> list[dict[str, Any]]:
    return good(api.get("/api/webhook-deliveries", params=wanted))["data"]


def settled(api: httpx.Client, webhook_id: str) -> list[dict[str, Any]]:
    for _ in range(600):
        found = deliveries(api, webhook_id=webhook_id)
        if all(each["state"] != "pending" for each in found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_life_of_a_webhook(api: httpx.Client) -> None:
    with webhook_receiver([Step(status=500)] * 2) as receiver:
        wanted = {"url": receiver.url, "events": ["decision.made"], "description": "Ours"}
        webhook = good(api.post("/api/webhooks", json=wanted))
        secret = webhook.pop("secret")
        path = f"/api/webhooks/{webhook['id']}"
        assert good(api.get(path)) == webhook
        assert webhook in good(api.get("/api/webhooks"))["data"]
        sent = good(api.post(f"{path}/test"))
        [dead] = settled(api, webhook["id"])
        assert (dead["id"], dead["state"], dead["attempts"]) == (sent["id"], "dead", 2)
        assert dead["error"] == "answered 500"
        assert dead in deliveries(api, state="dead")
        assert good(api.post(f"{path}/replay")) == {"replayed": 1, "more": False}
        [delivered] = settled(api, webhook["id"])
        assert delivered["state"] == "delivered"
        whole = good(api.get(f"/api/webhook-deliveries/{sent['id']}"))
        assert whole["payload"]["type"] == "webhook.test"
        rotated = good(api.post(f"{path}/rotate", json={"overlap_seconds": 60}))
        good(api.post(f"/api/webhook-deliveries/{sent['id']}/replay"))
        last = receiver.wait_for(lambda got: len(got) == 4)[-1]
        for each in (secret, rotated["secret"]):
            Webhook(each).verify(last.body, last.headers)
        off = good(api.patch(path, json={"enabled": False, "events": ["case.opened"]}))
        assert (off["enabled"], off["events"]) == (False, ["case.opened"])
        assert problem(api.post(f"{path}/test")) == (409, "conflict", None)
        assert good(api.delete(path)) == {"id": webhook["id"], "removed": True}
        assert problem(api.get(path)) == (404, "not_found", None)
    acts = [
        e["act"] for e in good(api.get("/api/audit", params={"subject": webhook["id"]}))["data"]
    ]
    assert acts == [
        "webhook.removed",
        "webhook.changed",
        "webhook.replayed",
        "webhook.secret_rotated",
        "webhook.replayed",
        "webhook.tested",
        "webhook.added",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://example.org/", "events": []}, "events"),
        ({"url": "https://example.org/", "events": ["x"]}, "events"),
        ({"url": "ftp://example.org/", "events": ["decision.made"]}, "url"),
        ({"url": "https://example.org/"}, "events"),
        ({"url": "https://example.org/", "events": ["decision.made"], "secret": "x"}, "secret"),
    ],
)
def test_webhooks_that_cannot_be(api: httpx.Client, body: dict, field: str) -> None:
    status, _, named = problem(api.post("/api/webhooks", json=body))
    assert (status, named) == (400, field)


def test_a_webhook_is_added_once_per_key(api: httpx.Client) -> None:
    wanted = {"url": "https://example.org/hook", "events": ["decision.made"]}
    first, second = (
        good(api.post("/api/webhooks", json=wanted, headers={"idempotency-key": "once"}))
        for _ in range(2)
    )
    assert first == second


def test_the_log_is_listed_verified_and_anchored(api: httpx.Client, folder: Path) -> None:
    for _ in range(3):
        good(
            api.post(
                "/api/webhooks",
                json={"url": "https://example.org/", "events": ["decision.made"]},
            )
        )
    page = good(api.get("/api/audit", params={"limit": 2}))
    following = good(api.get("/api/audit", params={"limit": 2, "cursor": page["next_cursor"]}))
    sequences = [each["sequence"] for each in page["data"] + following["data"]]
    assert sequences == list(range(sequences[0], sequences[0] - 4, -1))
    head = good(api.get("/api/audit/head"))
    assert head["sequence"] == sequences[0]
    found = good(api.get("/api/audit/verification", params={"head": head["head"]}))
    assert (found["whole"], found["head"]) == (True, head["head"])
    assert problem(api.get("/api/audit/verification", params={"head": "x"}))[2] == "head"
    assert problem(api.get("/api/audit", params={"acter": "x"}))[1] == "unknown_parameter"
    printed = ostraka(folder, "audit", "head")
    assert printed.stdout.strip() == head["head"]
    exported = ostraka(folder, "audit", "export", "log.jsonl")
    assert exported.returncode == 0, exported.stderr
    verified = ostraka(folder, "audit", "verify", "--file", "log.jsonl", "--head", head["head"])
    assert verified.returncode == 0
    lines = (folder / "log.jsonl").read_text().splitlines()
    entry = json.loads(lines[1])
    lines[1] = json.dumps(entry | {"actor": "somebody else"})
    (folder / "forged.jsonl").write_text("\n".join(lines))
    forged = ostraka(folder, "audit", "verify", "--file", "forged.jsonl")
    assert (forged.returncode, "Broken at entry 2 (changed)." in forged.stdout) == (1, True)
    (folder / "cut.jsonl").write_text("\n".join(lines[:1]))
    cut = ostraka(
        folder, "audit", "verify", "--file", "cut.jsonl", "--head", head["head"], "--json"
    )
    assert (cut.returncode, json.loads(cut.stdout)["broken"]["damage"]) == (1, "truncated")
    listed = ostraka(folder, "audit", "list", "--act", "webhook.added", "--json")
    assert {each["act"] for each in json.loads(listed.stdout)} == {"webhook.added"}


def test_webhooks_on_the_command_line(api: httpx.Client, folder: Path) -> None:
    with webhook_receiver() as receiver:
        made = ostraka(folder, "webhooks", "add", receiver.url, "--event", "case.opened", "--json")
        webhook = json.loads(made.stdout)
        listed = json.loads(ostraka(folder, "webhooks", "list", "--json").stdout)
        assert webhook["id"] in [each["id"] for each in listed]
        assert ostraka(folder, "webhooks", "test", webhook["id"]).returncode == 0
        [delivery] = settled(api, webhook["id"])
        Webhook(webhook["secret"]).verify(
            receiver.received()[0].body, receiver.received()[0].headers
        )
        again = ostraka(folder, "webhooks", "replay", delivery["id"])
        assert "on its way again" in again.stdout
        receiver.wait_for(lambda got: len(got) == 2)
        settled(api, webhook["id"])
        assert "0 on their way" in ostraka(folder, "webhooks", "replay", webhook["id"]).stdout
        shown = ostraka(folder, "webhooks", "deliveries", "--webhook", webhook["id"], "--json")
        assert [each["state"] for each in json.loads(shown.stdout)] == ["delivered"]
        rotated = ostraka(folder, "webhooks", "rotate", webhook["id"], "--overlap", "1h")
        assert rotated.stdout.startswith("whsec_")
        assert "is disabled" in ostraka(folder, "webhooks", "disable", webhook["id"]).stdout
        assert "is enabled" in ostraka(folder, "webhooks", "enable", webhook["id"]).stdout
        assert "is removed" in ostraka(folder, "webhooks", "remove", webhook["id"]).stdout
        assert ostraka(folder, "webhooks", "replay", "x").returncode == 2
        assert "deleted." in ostraka(folder, "webhooks", "prune", "--older", "30d").stdout


def test_statements_and_figures(api: httpx.Client, kept_at: str) -> None:
    database = Database.at(kept_at)
    with database.writing() as session:
        history = History(session)
        undecided = history.item("escalate", "harassment", "ambiguous").id
        decided = history.item("escalate", "harassment", "ambiguous")
        decision = history.decision(decided, "remove", "harassment").id
        item = decided.id
    database.close()
    stated = good(api.get(f"/api/decisions/{decision}/statement"))
    assert stated["statement"]["puid"] == decision
    assert "Your post has been removed." in stated["text"]
    assert stated["stands"] is True
    assert good(api.get(f"/api/items/{item}/statement")) == stated
    assert problem(api.get(f"/api/items/{undecided}/statement"))[:2] == (404, "not_found")
    assert problem(api.get("/api/decisions/none/statement"))[:2] == (404, "not_found")
    since, until = OCTOBER.since.isoformat(), OCTOBER.until.isoformat()
    span = {"since": since, "until": until}
    figures = good(api.get("/api/transparency", params=span))["figures"]
    assert {"figure": "items_received", "value": 2}.items() <= figures[0].items()
    turned = {"since": until, "until": since}
    assert problem(api.get("/api/transparency", params=turned))[2] == "since"


def test_only_admins_see_the_record(kept_at: str, api: httpx.Client) -> None:
    _, secret = make_key(kept_at, Scope.REVIEW, Scope.MODERATE)
    head = {"authorization": f"Bearer {secret}"}
    for path in ("/api/webhooks", "/api/webhook-deliveries", "/api/audit", "/api/transparency"):
        for _ in range(50):  # a server looks at the keys every few seconds
            answer = api.get(path, headers=head)
            if answer.status_code == 403:
                break
            time.sleep(0.2)
        assert problem(answer)[:2] == (403, "insufficient_permissions")
