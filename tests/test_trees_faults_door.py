"""The faults that the original has at its door, by their number in the contract."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from serving import start_server

from ostraka.server.trees.errors import NUMBERS
from ostraka.storage.database import Database
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.permissions import Refusal
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeReviewRow
from ostraka.trees.values import Activity


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, TreeStore]]:
    """A started server, and the database behind it."""
    folder = tmp_path_factory.mktemp("door")
    database = Database.at(f"sqlite:///{folder / 'trees.db'}")
    process, address = start_server(folder, database_url=database.location.url)
    with httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
        yield client, TreeStore(database, TreeConfiguration())
    database.close()
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def client(server: tuple[httpx.Client, TreeStore]) -> httpx.Client:
    return server[0]


@pytest.fixture
def store(server: tuple[httpx.Client, TreeStore]) -> TreeStore:
    return server[1]


def user(name: str) -> dict[str, str]:
    return {"id": name, "display_name": name, "auth_method": "local"}


def outside(ours: str) -> str:
    return str(UUID(ours.partition("_")[2]))


def planted(store: TreeStore, language: str) -> str:
    return store.plant("a prompt", "ada", language, datetime.now(UTC), Random(0)).id


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer


def test_b11_labels_with_a_task_are_a_review_whichever_route_takes_them(
    client: httpx.Client, store: TreeStore
) -> None:
    """In the original they counted, but nothing was decided, and nobody was asked again."""
    tree_id = planted(store, "de")
    for who, route in (("x", "/text_labels/"), ("y", "/tasks/interaction"), ("z", "/text_labels/")):
        body = {"type": "label_initial_prompt", "user": user(who), "lang": "de"}
        task = post(client, "/tasks/", body).json()
        labels = dict.fromkeys(task["valid_labels"], 0)
        given = {"type": "text_labels", "text": "", "labels": labels, "user": user(who)}
        given |= {"task_id": task["id"], "message_id": task["message_id"]}
        post(client, route, given)
    tree = store.read(tree_id)
    assert tree.root.accepted
    assert tree.state in (State.PROMPT_LOTTERY_WAITING, State.GROWING)
    with store.database.reading() as session:
        found = session.query(TreeReviewRow).where(TreeReviewRow.message_id == tree_id).all()
    assert len(found) == 3


def test_b12_a_reply_in_another_language_stays_in_its_trees(
    client: httpx.Client, store: TreeStore
) -> None:
    """Websites send the language of their menus; the original asked its speakers for reviews."""
    tree_id = planted(store, "fr")
    now = datetime.now(UTC)
    for who in "xyz":
        task = store.take(tree_id, Activity.REVIEW, tree_id, who, now)
        store.review(task.id, {"spam": 0.0}, who, now)
    if store.read(tree_id).state is State.PROMPT_LOTTERY_WAITING:
        store.let_happen(tree_id, Event.DRAW, "system", now)
    body = {"type": "assistant_reply", "user": user("writer"), "lang": "fr"}
    asked = post(client, "/tasks/", body).json()
    name = str(uuid4())
    post(client, f"/tasks/{asked['id']}/ack", {"message_id": name})
    reply = {"type": "text_reply_to_message", "message_id": name, "user_message_id": str(uuid4())}
    post(
        client, "/tasks/interaction", reply | {"text": "Oui.", "lang": "en", "user": user("writer")}
    )
    [written] = [m for m in store.read(tree_id).messages.values() if m.parent_id]
    assert written.language == "fr"
    body = {"type": "label_assistant_reply", "user": user("reviewer"), "lang": "fr"}
    assert post(client, "/tasks/", body).json()["message_id"] == outside(written.id)


def test_b17_a_task_is_closed_by_the_name_that_its_client_gave_it(client: httpx.Client) -> None:
    """The original answered 500 to every call."""
    body = {"type": "initial_prompt", "user": user("closer"), "lang": "it"}
    task = post(client, "/tasks/", body).json()
    name = str(uuid4())
    post(client, f"/tasks/{task['id']}/ack", {"message_id": name})
    assert post(client, "/tasks/close", {"message_id": name}).status_code == 204
    again = client.post("/tasks/close", json={"message_id": name})
    assert (again.status_code, again.json()["code"]) != (500, "server_error")
    unknown = client.post("/tasks/close", json={"message_id": "never"})
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, 2100)


def test_b17_flagged_messages_are_paged_by_a_cursor(client: httpx.Client, store: TreeStore) -> None:
    """The original answered 500 whenever a cursor was given."""
    trees = [planted(store, "es") for _ in range(3)]
    for tree_id in trees:
        report = {"type": "text_labels", "text": "look at this", "labels": {"spam": 1}}
        report |= {"message_id": outside(tree_id), "is_report": True, "user": user("reporter")}
        post(client, "/text_labels/", report)
    seen: list[str] = []
    query: dict[str, Any] = {"max_count": 2, "desc": "false"}
    for _ in range(3):
        page = client.get("/admin/flagged_messages/cursor", params=query)
        assert page.status_code == 200, page.text
        seen += [each["message_id"] for each in page.json()["items"]]
        if not page.json()["next"]:
            break
        query["after"] = page.json()["next"]
    assert Counter(seen) == Counter(map(outside, trees))


def test_b18_each_of_our_codes_has_one_number_and_each_refusal_a_code() -> None:
    """Numbers 2053 and 2106 of the original mean two things each; words tell them apart."""
    shared = {number for number, n in Counter(NUMBERS.values()).items() if n > 1}
    assert NUMBERS["own_message"] == NUMBERS["reviewed_already"] == 2053
    assert shared <= {2, 4, 2001, 2010, 2053, 2103}
    assert all(code == code.lower() and " " not in code for code in NUMBERS)
    assert len({str(each) for each in Refusal}) == len(Refusal)


def test_b18_two_meanings_of_one_number_have_two_codes(
    client: httpx.Client, store: TreeStore
) -> None:
    tree_id = planted(store, "nl")
    body = {"type": "label_initial_prompt", "user": user("once"), "lang": "nl"}
    task = post(client, "/tasks/", body).json()
    given = {"type": "text_labels", "text": "", "user": user("once"), "task_id": task["id"]}
    given |= {"message_id": task["message_id"], "labels": {"spam": 0}}
    post(client, "/tasks/interaction", given)
    changed = client.post("/tasks/interaction", json=given | {"labels": {"spam": 1}})
    assert changed.json()["code"] == "task_done"
    assert changed.json()["error_code"] == 2105
    stranger = client.post("/tasks/interaction", json=given | {"user": user("stranger")})
    assert stranger.json()["code"] == "task_not_found"
    many = client.post("/tasks/", json=body | {"collective": True})
    assert (many.json()["error_code"], many.json()["code"]) == (2106, "collective_tasks")
    assert store.read(tree_id).root.decision is None
