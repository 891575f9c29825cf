"""Open-Assistant's protocol over HTTP, on a started server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.server.gate import scope_of
from ostraka.server.trees.scopes import is_for_admins

ADMIN = "/api/v1/admin/backend_settings/full"
CONFIGURATION = """
max_tree_depth = 1
max_children_count = 2
goal_tree_size = 3
min_goal_tree_size = 2
"""


def user(name: str) -> dict[str, str]:
    return {"id": name, "display_name": name.title(), "auth_method": "local"}


class Contributor:
    """Somebody who contributes through a client, as Open-Assistant's scripts do."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client, self.user = client, user(name)
        self.header = {"x-oasst-user": f"local:{name}"}

    def post(self, path: str, body: Any, status: int = 200, **headers: str) -> Any:
        answer = self.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def take(self, kind: str = "random", status: int = 200, **fields: Any) -> Any:
        return self.post("tasks/", {"type": kind, "user": self.user, **fields}, status)

    def interact(self, body: dict[str, Any], status: int = 200) -> Any:
        return self.post("tasks/interaction", body | {"user": self.user}, status)

    def write(self, task: Any, text: str, status: int = 200) -> str:
        """Write what a task asks for; gives the client's own id of the message."""
        name, made = str(uuid4()), str(uuid4())
        self.post(f"tasks/{task['id']}/ack", {"message_id": name}, 204)
        body = {"type": "text_reply_to_message", "message_id": name, "user_message_id": made}
        answer = self.interact(body | {"text": text, "lang": "xx"}, status)
        assert status != 200 or answer["type"] == "task_done"
        return made

    def label(self, task: Any, spam: float | str = 0, status: int = 200) -> Any:
        labels = {name: spam if name == "spam" else "0" for name in task["valid_labels"]}
        body = {"type": "text_labels", "message_id": task["message_id"], "task_id": task["id"]}
        return self.interact(body | {"text": "", "labels": labels}, status)

    def rank(self, task: Any, ranking: list[int], status: int = 200, **more: Any) -> Any:
        name = str(uuid4())
        self.post(f"tasks/{task['id']}/ack", {"message_id": name}, 204)
        body = {"type": "message_ranking", "message_id": name, "ranking": ranking}
        return self.interact(body | more, status)

    def do(self, task: Any) -> None:
        if task["type"].startswith("label_"):
            self.label(task)
        elif task["type"].startswith("rank_"):
            self.rank(task, list(range(len(task["replies"]))))
        else:
            self.write(task, f"text for {task['id']}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    (folder / "trees.toml").write_text(CONFIGURATION)
    return folder


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    database_url = ""
    if request.param == "postgresql":
        database_url = request.getfixturevalue("postgresql_cluster").new_database()
    process, address = start_server(
        folder,
        trees_configuration="trees.toml",
        trees_rate_limits="false",
        database_url=database_url,
    )
    yield address
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, follow_redirects=True) as client:
        yield client


@pytest.fixture
def language() -> str:
    """A language of its own, so that tests keep out of each other's way."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "q" + letters[next(_languages) % 26] + letters[next(_languages) // 26 % 26]


_languages = iter(range(0, 10**6, 7))


def grown(client: httpx.Client, language: str, replies: int = 0) -> str:
    """A tree with accepted replies; gives the id of its prompt."""
    author = Contributor(client, f"author {uuid4()}")
    author.write(author.take("initial_prompt", lang=language), f"How? {uuid4()}")
    for number in range(3):
        reviewer = Contributor(client, f"reviewer {number} {uuid4()}")
        task = reviewer.take("label_initial_prompt", lang=language)
        reviewer.label(task)
    for number in range(replies):
        writer = Contributor(client, f"writer {number} {uuid4()}")
        writer.write(writer.take("assistant_reply", lang=language), f"So. {uuid4()}")
        for _ in range(3):
            reviewer = Contributor(client, f"reviewer {uuid4()}")
            reviewer.label(reviewer.take("label_assistant_reply", lang=language))
    return task["message_id"]


def test_a_crowd_brings_a_prompt_to_export(client: httpx.Client, language: str) -> None:
    first = Contributor(client, "ann")
    task = first.take("initial_prompt", lang=language)
    assert task["hint"] is None
    first.write(task, "How do magnets work?")
    kinds, prompt = [], ""
    for number in range(30):
        somebody = Contributor(client, f"crowd {number}")
        task = somebody.take(lang=language)
        if task["type"] == "initial_prompt":
            somebody.post(f"tasks/{task['id']}/nack", {"reason": "no idea"}, 204)
            continue
        kinds.append(task["type"])
        somebody.do(task)
        prompt = prompt or task["message_id"]
        state = client.get(f"/api/v1/messages/{prompt}/tree/state").json()
        if state["state"] == "ready_for_export":
            break
    assert state["active"] is False
    assert kinds.count("label_initial_prompt") == 3
    assert kinds.count("assistant_reply") == 2
    assert kinds.count("label_assistant_reply") == 6
    assert kinds.count("rank_assistant_replies") == 3
    tree = client.get(f"/api/v1/messages/{prompt}/tree").json()
    assert UUID(tree["id"]) == UUID(prompt)
    assert sorted(each["rank"] for each in tree["messages"] if each["rank"] is not None) == [0, 1]
    assert {each["lang"] for each in tree["messages"]} == {language}
    assert [each["review_count"] for each in tree["messages"]] == [3, 3, 3]
    assert [each["ranking_count"] for each in tree["messages"]] == [0, 3, 3]


def test_tasks_are_blind(client: httpx.Client, language: str) -> None:
    grown(client, language, replies=2)
    task = Contributor(client, f"ranker {uuid4()}").take("rank_assistant_replies", lang=language)
    assert task["reveal_synthetic"] is False
    for message in (*task["conversation"]["messages"], *task["reply_messages"]):
        assert (message["user_id"], message["emojis"], message["user_emojis"]) == (None, {}, [])
    assert [each["text"] for each in task["reply_messages"]] == task["replies"]


def test_an_interaction_that_is_sent_again_is_taken_once(
    client: httpx.Client, language: str
) -> None:
    ann = Contributor(client, "ann")
    task = ann.take("initial_prompt", lang=language)
    ann.post(f"tasks/{task['id']}/ack", {"message_id": f"t {task['id']}"}, 204)
    ann.post(f"tasks/{task['id']}/ack", {"message_id": f"t {task['id']}"}, 204)
    again = ann.post(f"tasks/{task['id']}/ack", {"message_id": "another"}, 409)
    assert (again["error_code"], again["code"]) == (2103, "task_acknowledged")
    body = {
        "type": "text_reply_to_message",
        "message_id": f"t {task['id']}",
        "user_message_id": f"m {task['id']}",
        "text": f"How? {task['id']}",
    }
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: ann.interact(body), range(4)))
    assert done == [{"id": task["id"], "type": "task_done"}] * 4
    other = ann.interact(body | {"text": "Something else"}, 409)
    assert (other["error_code"], other["code"]) == (2105, "task_done")
    mine = client.get(f"/api/v1/frontend_messages/m {task['id']}", headers=ann.header).json()
    assert (mine["text"], mine["user_is_author"]) == (body["text"], True)
    found = client.get("/api/v1/messages/", params={"lang": language}).json()
    assert [each["frontend_message_id"] for each in found] == [f"m {task['id']}"]


def test_a_key_makes_a_request_for_a_task_safe_to_repeat(
    client: httpx.Client, language: str
) -> None:
    ann, key = Contributor(client, "ann"), {"idempotency-key": str(uuid4())}
    body = {"type": "initial_prompt", "user": ann.user, "lang": language}
    first, second = (ann.post("tasks/", body, **key) for _ in range(2))
    assert first["id"] == second["id"]
    assert ann.post("tasks/", body | {"lang": "de"}, 409, **key)["code"] == "idempotency_key_reused"


def test_refusals_carry_their_number_our_code_and_why(client: httpx.Client, language: str) -> None:
    ann, bob = Contributor(client, f"ann {language}"), Contributor(client, f"bob {language}")
    none = ann.take("rank_assistant_replies", 404, lang=language)
    assert (none["error_code"], none["code"]) == (1006, "no_task")
    assert "waits for a ranking now" in none["message"]
    assert ann.take("summarize_story", 404)["error_code"] == 1006
    assert ann.post("tasks/", {"type": "random"}, 400)["error_code"] == 4000
    joke = ann.post("tasks/", {"type": "joke"}, 400)
    assert (joke["field"], "random" in joke["valid"]) == ("type", True)
    nobody = {"user": ann.user | {"auth_method": "post"}}
    assert "local" in ann.post("tasks/", nobody, 400)["valid"]
    assert "message_ranking" in ann.interact({"type": "joke"}, 400)["valid"]
    wrong = ann.post("tasks/", {"user": ann.user}, 400, **{"x-oasst-user": "local:eve"})
    assert "another user" in wrong["message"]
    assert ann.take("random", 409, collective=True)["code"] == "collective_tasks"
    task = ann.take("initial_prompt", lang=language)
    assert (
        ann.interact({"type": "text_labels", "text": "", "labels": {}, "task_id": task["id"]}, 409)[
            "error_code"
        ]
        == 2004
    )
    ranking = {"type": "message_ranking", "message_id": "?", "ranking": [0, 1]}
    assert ann.interact(ranking | {"task_id": task["id"]}, 409)["error_code"] == 2004
    body = {"type": "text_reply_to_message", "message_id": "none", "user_message_id": "x"}
    assert ann.interact(body | {"text": "a"}, 404)["error_code"] == 2100
    by_task = body | {"task_id": task["id"]}
    assert ann.interact(by_task | {"text": " "}, 400)["error_code"] == 1010
    assert ann.interact(by_task | {"text": "a" * 2001}, 400)["error_code"] == 1008
    assert bob.interact(by_task | {"text": "a"}, 404)["error_code"] == 2100
    ann.interact(by_task | {"text": f"How? {language}", "user_message_id": f"x {language}"})
    review = bob.take("label_initial_prompt", lang=language)
    labels = {"type": "text_labels", "text": "", "task_id": review["id"]}
    assert bob.interact(labels | {"labels": {"humor": 1}}, 400)["error_code"] == 2052
    assert "spam" in bob.interact(labels | {"labels": {"joke": 1}}, 400)["valid"]
    assert (
        bob.interact(labels | {"labels": {"spam": 0, "fails_task": 1}}, 400)["error_code"] == 2051
    )
    wrong = bob.interact(labels | {"labels": {"spam": 0}, "message_id": str(uuid4())}, 400)
    assert wrong["error_code"] == 2050
    bob.interact(labels | {"labels": {"spam": "0"}, "message_id": review["message_id"]})
    why = ann.take("label_initial_prompt", 404, lang=language)["message"]
    assert why == (
        "One prompt in your language waits for two more reviews, but not from you: "
        "you wrote it yourself."
    )


def test_b16_tasks_belong_to_who_took_them(client: httpx.Client, language: str) -> None:
    ann, bob = Contributor(client, f"ann {language}"), Contributor(client, f"bob {language}")
    task, other = (ann.take("initial_prompt", lang=language) for _ in range(2))
    ann.post(f"tasks/{task['id']}/ack", {"message_id": f"same {language}"}, 204)
    taken = ann.post(f"tasks/{other['id']}/ack", {"message_id": f"same {language}"}, 409)
    assert taken["code"] == "client_id_taken"
    ann.post(f"tasks/{task['id']}/nack", {}, 404, **bob.header)
    ann.post(f"tasks/{task['id']}/nack", {"reason": "no"}, 204, **ann.header)
    ann.post(f"tasks/{task['id']}/nack", {"reason": "no"}, 204, **ann.header)
    assert ann.write(other, f"text {language}")
    skipped = {"type": "text_reply_to_message", "message_id": f"same {language}", "text": "b"}
    refused = ann.interact(skipped | {"user_message_id": "c"}, 409)
    assert (refused["error_code"], refused["code"]) == (2103, "task_skipped")
    back = ann.post(f"tasks/{task['id']}/undo_nack", None, **ann.header)
    assert back["type"] == "initial_prompt"
    until = ann.post(f"tasks/{back['id']}/renew", None)["expires_at"]
    assert until > back["expires_at"]
    assert client.get(f"/api/v1/tasks/{back['id']}").json()["state"] == "open"
    ann.post(f"tasks/{back['id']}/ack", {"message_id": f"close {language}"}, 204)
    ann.post("tasks/close", {"message_id": f"close {language}"}, 204)
    assert client.get(f"/api/v1/tasks/{back['id']}").json()["state"] == "closed"
    assert ann.post("tasks/close", {"message_id": "never"}, 404)["error_code"] == 2100


def test_availability_counts_and_explains(client: httpx.Client, language: str) -> None:
    ann = Contributor(client, f"ann {language}")
    path = f"tasks/availability?lang={language}"
    assert ann.post(path, ann.user)["initial_prompt"] > 0
    ann.write(ann.take("initial_prompt", lang=language), f"How? {language}")
    own = ann.post(f"{path}&explain=true", ann.user)
    assert own["counts"]["label_initial_prompt"] == 0
    assert "you wrote it yourself" in own["reasons"]["label_initial_prompt"][0]
    bob = Contributor(client, f"bob {language}")
    assert bob.post(path, bob.user)["label_initial_prompt"] == 1
    assert client.get(f"/api/v1/frontend_users/local/bob {language}").status_code == 404
    assert bob.post("tasks/availability", None, 400)["error_code"] == 4000
    assert bob.post(path, None, **bob.header)["label_initial_prompt"] == 1
    assert bob.post("tasks/availability?lang=no-such_one", bob.user, 400)["field"] == "lang"
    shouted = bob.post(f"tasks/availability?lang={language.upper()}", bob.user)
    assert shouted == bob.post(f"tasks/availability?lang={language}", bob.user)


def test_rankings_hold_ties_and_refuse_what_is_none(client: httpx.Client, language: str) -> None:
    grown(client, language, replies=2)
    ann = Contributor(client, f"ann {language}")
    task = ann.take("rank_assistant_replies", lang=language)
    assert ann.rank(task, [0, 0], 400)["error_code"] == 2003
    by_task = {"type": "message_ranking", "message_id": "?", "task_id": task["id"]}
    assert ann.interact(by_task | {"ranking": [0]}, 400)["valid"] == "an order of 0 to 1"
    ann.interact(by_task | {"ranking": [0, 1], "tiers": [[0, 1]]})
    bob = Contributor(client, f"bob {language}")
    bob.rank(bob.take("rank_assistant_replies", lang=language), [1, 0], not_rankable=True)


def test_messages_are_read_in_their_trees(client: httpx.Client, language: str) -> None:
    prompt = grown(client, language, replies=2)
    path = f"/api/v1/messages/{prompt}"
    children = client.get(f"{path}/children").json()
    reply = children[0]["id"]
    assert client.get(path).json()["parent_id"] is None
    talk = client.get(f"/api/v1/messages/{reply}/conversation").json()["messages"]
    assert [each["id"] for each in talk] == [prompt, reply]
    assert [each["is_assistant"] for each in talk] == [False, True]
    for end, count in (
        ("descendants", 3),
        ("tree", 3),
        ("longest_conversation_in_tree", 2),
        ("max_children_in_tree", 3),
    ):
        assert len(client.get(f"{path}/{end}").json()["messages"]) == count
    missing = client.get(f"/api/v1/messages/{uuid4()}")
    assert (missing.status_code, missing.json()["error_code"]) == (404, 2001)
    assert client.get("/api/v1/frontend_messages/unknown").json()["code"] == "message_not_found"


def test_b17_pages_of_messages_go_on_and_back(client: httpx.Client, language: str) -> None:
    for number in range(5):
        writer = Contributor(client, f"writer {number} {language}")
        writer.write(writer.take("initial_prompt", lang=language), f"text {number} {language}")

    def page(**parameters: Any) -> Any:
        query = {"lang": language, "max_count": 2, **parameters}
        return client.get("/api/v1/messages/cursor", params=query).json()

    for desc in ("false", "true"):
        first = page(desc=desc)
        second = page(desc=desc, after=first["next"])
        third = page(desc=desc, after=second["next"])
        texts = [each["text"][5] for each in first["items"] + second["items"] + third["items"]]
        assert texts == sorted("01234", reverse=desc == "true")
        assert (first["prev"], third["next"]) == (None, None)
        assert page(desc=desc, before=third["prev"])["items"] == second["items"]
        assert page(desc=desc, before=second["prev"])["items"] == first["items"]
        assert page(desc=desc, before=second["prev"])["prev"] is None
    assert [m["text"][5] for m in page(search_query="TEXT 3")["items"]] == ["3"]


def test_reactions_and_reports(client: httpx.Client, language: str) -> None:
    prompt = grown(client, language)
    ann = Contributor(client, f"ann {language}")
    path = f"messages/{prompt}/emoji"
    liked = ann.post(path, {"user": ann.user, "emoji": "+1"})
    assert (liked["emojis"], liked["user_emojis"]) == ({"+1": 1}, ["+1"])
    disliked = ann.post(path, {"user": ann.user, "emoji": "-1", "op": "add"})
    assert disliked["emojis"] == {"-1": 1}
    assert ann.post(path, {"user": ann.user, "emoji": "-1"})["emojis"] == {}
    once = {"idempotency-key": str(uuid4())}
    for _ in range(2):
        toggled = ann.post(path, {"user": ann.user, "emoji": "clap"}, **once)
        assert toggled["user_emojis"] == ["clap"]
    assert ann.post(path, {"user": ann.user, "emoji": "clap"})["emojis"] == {}
    assert ann.post(path, {"user": ann.user, "emoji": "cat"}, 400)["field"] == "emoji"
    report = {"type": "text_labels", "message_id": prompt, "text": "bad", "user": ann.user}
    ann.post("text_labels", report | {"labels": [], "is_report": True}, 204)
    assert client.get(f"/api/v1/messages/{prompt}").json()["emojis"] == {"red_flag": 1}
    ann.post("text_labels/", report | {"labels": {"humor": 0.5}}, 204)
    ann.post("text_labels/", {**report, "message_id": str(uuid4()), "labels": {}}, 404)
    shown = client.get("/api/v1/text_labels/valid_labels", params={"message_id": prompt}).json()
    assert [each["name"] for each in shown["valid_labels"]][:2] == ["spam", "lang_mismatch"]
    assert len(client.get("/api/v1/text_labels/valid_labels").json()["valid_labels"]) == 14
    assert len(client.get("/api/v1/text_labels/report_labels").json()["valid_labels"]) == 10


def test_moderators_delete_restore_edit_and_halt(client: httpx.Client, language: str) -> None:
    prompt = grown(client, language, replies=1)
    path = f"/api/v1/messages/{prompt}"
    [reply] = client.get(f"{path}/children").json()
    assert client.delete(f"/api/v1/messages/{reply['id']}").status_code == 204
    assert client.get(f"{path}/children").json() == []
    assert (
        len(client.get(f"{path}/tree", params={"include_deleted": "true"}).json()["messages"]) == 2
    )
    assert client.put(f"/api/v1/messages/{reply['id']}/undelete").status_code == 204
    assert len(client.get(f"{path}/children").json()) == 1
    body = {"user": user("moderator"), "new_content": "Another text"}
    assert client.post(f"/api/v1/messages/{reply['id']}/edit", json=body).status_code == 204
    edited = client.get(f"/api/v1/messages/{reply['id']}").json()
    assert (edited["text"], edited["edited"], edited["review_count"]) == ("Another text", True, 0)
    texts = client.get(f"/api/v1/messages/{reply['id']}/history").json()
    assert [each["text"] for each in texts] == [reply["text"], "Another text"]
    assert client.put(f"{path}/tree/state", params={"halt": "true"}).status_code == 204
    assert client.get(f"{path}/tree/state").json()["state"] == "halted_by_moderator"
    assert client.put(f"{path}/tree/state", params={"halt": "false"}).status_code == 204
    assert client.get(f"{path}/tree/state").json()["state"] == "growing"
    assert client.put(f"{path}/tree/state", params={"halt": "no"}).json()["field"] == "halt"


def test_profiles_are_kept_and_listed(client: httpx.Client) -> None:
    name = f"zoe {uuid4()}"
    sent = user(name) | {"tos_acceptance": True, "notes": "kind", "enabled": True}
    zoe = client.post("/api/v1/frontend_users/", json=sent).json()
    assert (zoe["id"], zoe["enabled"], zoe["notes"]) == (name, True, "kind")
    assert zoe["tos_acceptance_date"]
    assert client.get(f"/api/v1/users/{zoe['user_id']}").json() == zoe
    assert client.get(f"/api/v1/frontend_users/local/{name}").json() == zoe
    assert client.get("/api/v1/frontend_users/google/nobody").json()["error_code"] == 4002
    found = client.get("/api/v1/users/by_username", params={"search_text": name.upper()}).json()
    assert found == [zoe]
    found = client.get("/api/v1/users/by_display_name", params={"search_text": name}).json()
    assert found == [zoe]
    page = client.get("/api/v1/users/cursor", params={"max_count": 1}).json()
    after = client.get("/api/v1/users/cursor", params={"max_count": 1, "after": page["next"]})
    assert after.json()["items"][0]["id"] > page["items"][0]["id"]
    assert client.get(f"/api/v1/users/{zoe['user_id']}/messages").json() == []
    own = client.get(f"/api/v1/frontend_users/local/{name}/messages/cursor").json()
    assert (own["items"], own["next"]) == ([], None)


@pytest.mark.parametrize(
    ("method", "path", "for_admins"),
    [
        ("POST", "/api/v1/tasks/", False),
        ("GET", "/api/v1/messages/cursor", False),
        ("POST", "/api/v1/messages/history/emoji", False),
        ("GET", "/api/v1/messages/edit/tree", False),
        ("GET", "/api/v1/stats/cached", False),
        ("GET", "/api/v1/stats/cached/users_accepted_tos", False),
        ("GET", "/api/v1/admin/backend_settings/public", False),
        ("GET", "/api/v1/leaderboards/day", False),
        ("POST", "/api/v1/messages/m/edit", True),
        ("GET", "/api/v1/messages/m/history", True),
        ("DELETE", "/api/v1/users/u", True),
        ("PUT", "/api/v1/messages/m/undelete", True),
        ("GET", "/api/v1/stats/", True),
        ("POST", "/api/v1/stats/cached/update", True),
        ("GET", "/api/v1/trollboards/day", True),
        ("POST", "/api/v1/admin/api_client", True),
        ("POST", "/api/v1/leaderboards/update", True),
        ("GET", "/api/v1/hf/text_toxicity", True),
    ],
)
def test_what_moderates_is_for_trusted_clients(method: str, path: str, for_admins: bool) -> None:
    assert is_for_admins(path, method) == for_admins
    wanted = Scope.TREES_ADMIN if for_admins else Scope.TREES
    assert scope_of(path, method) is wanted


def test_keys_of_clients_keep_to_their_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / '.ostraka' / 'ostraka.db'}"
    scopes = (Scope.TREES, Scope.TREES, Scope.MODERATE, Scope.TREES_ADMIN)
    secrets = [make_key(url, scope)[1] for scope in scopes]
    process, address = start_server(tmp_path, trees_terms_required="true")
    try:
        clients = [
            httpx.Client(base_url=address, headers={"x-api-key": secret}, timeout=30)
            for secret in secrets
        ]
        one, two, stranger, admin = clients
        ann, body = Contributor(one, "ann"), {"type": "initial_prompt", "user": user("ann")}
        assert httpx.post(f"{address}/api/v1/tasks/", json=body, timeout=30).status_code == 401
        refused = stranger.post("/api/v1/tasks/", json=body)
        assert (refused.status_code, refused.json()["error_code"]) == (403, 2)
        assert ann.take("initial_prompt", 451)["error_code"] == 4003
        one.post("/api/v1/frontend_users/", json=user("ann") | {"tos_acceptance": True})
        query = httpx.post(f"{address}/api/v1/tasks/?api_key={secrets[0]}", json=body, timeout=30)
        assert query.status_code == 200
        ann.write(query.json(), "How?")
        [message] = one.get("/api/v1/messages/").json()
        assert (message["user_id"], message["user_is_author"]) == (None, None)
        assert two.get("/api/v1/messages/").json() == []
        [seen] = admin.get("/api/v1/messages/").json()
        assert seen["user_id"]
        assert two.get(f"/api/v1/users/{seen['user_id']}").status_code == 404
        assert two.get(f"/api/v1/tasks/{query.json()['id']}").status_code == 404
        for method, path in (
            ("DELETE", f"/api/v1/messages/{message['id']}"),
            ("PUT", f"/api/v1/messages/{message['id']}/undelete"),
            ("GET", f"/api/v1/messages/{message['id']}/history"),
            ("GET", ADMIN),
        ):
            assert one.request(method, path).status_code == 403
        assert admin.delete(f"/api/v1/messages/{message['id']}").status_code == 204
        assert one.get(f"/api/v1/messages/{message['id']}").status_code == 404
        assert admin.get(f"/api/v1/messages/{message['id']}").json()["deleted"] is True
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_contributors_are_held_to_a_pace(tmp_path: Path) -> None:
    process, address = start_server(tmp_path)
    try:
        with httpx.Client(base_url=address, timeout=30) as client:
            ann = Contributor(client, "ann")
            for _ in range(4):
                ann.take("assistant_reply", 404)
            body = {"type": "assistant_reply", "user": ann.user}
            refused = client.post("/api/v1/tasks/", json=body)
            assert (refused.status_code, refused.json()["error_code"]) == (429, 429)
            assert 0 < int(refused.headers["retry-after"]) <= 30
            ann.take("prompter_reply", 404)
            Contributor(client, "bob").take("assistant_reply", 404)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_64_contributors_at_once_are_served(client: httpx.Client, language: str) -> None:
    for number in range(4):
        writer = Contributor(client, f"writer {number} {language}")
        writer.write(writer.take("initial_prompt", lang=language), f"text {number} {language}")

    def contribute(number: int) -> str:
        somebody = Contributor(client, f"somebody {number} {language}")
        body = {"type": "label_initial_prompt", "user": somebody.user, "lang": language}
        answer = client.post("/api/v1/tasks/", json=body)
        if answer.status_code == 404:
            return "none"
        assert answer.status_code == 200, answer.text
        somebody.label(answer.json(), Random(number).choice([0, 0.5]))
        return "done"

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(contribute, range(64)))
    assert found.count("done") == 12
