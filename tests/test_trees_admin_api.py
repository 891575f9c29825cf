"""The moderators' half of Open-Assistant's protocol, on a started server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from growing import SMALL
from serving import make_key, start_server
from tree_keeping import contributor, grown, planted, ranked

from ostraka.access.keys import Scope
from ostraka.server.trees.common import outside
from ostraka.storage.database import Database
from ostraka.trees.changing import tree_of
from ostraka.trees.states import State
from ostraka.trees.store import TreeStore
from ostraka.trees.values import Mark

Keys = dict[str, str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TreeStore]:
    folder = tmp_path_factory.mktemp("trees_admin")
    database = Database.at(f"sqlite:///{folder / '.ostraka' / 'ostraka.db'}")
    yield TreeStore(database, SMALL)
    database.close()


@pytest.fixture(scope="module")
def keys(kept: TreeStore) -> Keys:
    url = kept.database.location.url
    wanted = {"trees": Scope.TREES, "moderator": Scope.TREES_ADMIN, "admin": Scope.ADMIN}
    return {name: make_key(str(url), scope)[1] for name, scope in wanted.items()}


@pytest.fixture(scope="module")
def address(kept: TreeStore, keys: Keys) -> Iterator[str]:
    file: Path | None = kept.database.location.file
    assert file is not None
    process, address = start_server(file.parent.parent)
    yield address
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def moderator(address: str, keys: Keys) -> Iterator[httpx.Client]:
    with speaking(address, keys["moderator"]) as client:
        yield client


def speaking(address: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=f"{address}/api/v1", headers={"x-api-key": key}, timeout=60)


def a_tree(store: TreeStore, name: str) -> tuple[str, list[str], list[str]]:
    """A finished tree, its replies, and the people of it."""
    people = [contributor(store.database, f"{name} {each}") for each in "abcdef"]
    tree_id, replies = grown(store, people[0], people[1:3], people[3:])
    for who in people[3:]:
        ranked(store, tree_id, who, replies)
    return tree_id, replies, people


def code_of(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error_code"]


def test_a_contributors_key_sees_boards_and_nothing_of_moderators(
    address: str, keys: Keys, kept: TreeStore
) -> None:
    _, _, people = a_tree(kept, "scopes")
    who = outside(people[1])
    with speaking(address, keys["trees"]) as client:
        assert client.get("/leaderboards/total").status_code == 200
        assert client.get(f"/users/{who}/stats").status_code == 404, "another client's contributor"
        for method, path in (
            ("GET", "/stats/"),
            ("GET", "/trollboards/total"),
            ("GET", "/hf/text_toxicity"),
            ("GET", "/admin/flagged_messages"),
            ("GET", "/admin/backend_settings/full"),
            ("POST", f"/admin/purge_user/{who}"),
            ("POST", f"/admin/withdraw_user/{who}"),
            ("POST", "/admin/api_client"),
            ("PUT", f"/users/{who}"),
            ("DELETE", f"/users/{who}"),
            ("DELETE", f"/users/{who}/messages"),
        ):
            assert code_of(client.request(method, path)) == (403, 2), path
        assert client.get("/admin/backend_settings/public").status_code == 200
    assert code_of(httpx.get(f"{address}/api/v1/stats/")) == (401, 2)


def test_statistics_agree_with_what_is_there(moderator: httpx.Client, kept: TreeStore) -> None:
    planted(kept, "somebody")
    counts = moderator.get("/stats/").json()
    assert counts["all"] == counts["active"] + counts["deleted"]
    states = moderator.get("/stats/tree_manager/state_counts").json()
    assert states.keys() == {str(each) for each in State}
    assert sum(states.values()) == counts["message_trees"]
    every = moderator.get("/stats/tree_manager/message_counts", params={"only_active": "false"})
    assert len(every.json()) == counts["message_trees"]
    both = moderator.get("/stats/tree_manager").json()
    assert both["state_counts"] == states
    assert len(both["message_counts"]) < len(every.json()) or states["ready_for_export"] == 0
    cached = moderator.get("/stats/cached").json()["stats_by_name"]
    assert cached["message_trees_by_state"]["stats"] == states
    name = "human_messages_by_lang"
    assert moderator.get(f"/stats/cached/{name}").json()["stats"] == cached[name]["stats"]
    assert moderator.get("/stats/cached/nothing").status_code == 404


def test_b17_numbers_of_one_person_in_every_frame(moderator: httpx.Client, kept: TreeStore) -> None:
    _, _, people = a_tree(kept, "frames")
    who = outside(people[1])
    every = moderator.get(f"/users/{who}/stats").json()
    assert list(every) == ["day", "week", "month", "total"]
    assert (every["total"]["leader_score"], every["day"]["leader_score"]) == (35, 0)
    for frame in every:
        answer = moderator.get(f"/users/{who}/stats/{frame}")
        assert answer.json()["leader_score"] == every[frame]["leader_score"]
    window = moderator.get(f"/users/{who}/stats/total/window", params={"window_size": 3}).json()
    assert len(window["leaderboard"]) == 3
    assert [each["user_id"] for each in window["leaderboard"] if each["highlighted"]] == [who]
    assert moderator.get(f"/users/{who}/stats/century").status_code == 404


def test_reported_messages_are_looked_at_page_by_page(
    moderator: httpx.Client, kept: TreeStore
) -> None:
    _, replies, _ = a_tree(kept, "flags")
    reporter = {"id": "reporter", "display_name": "Reporter", "auth_method": "local"}
    for reply in replies:
        body = {"text": "rude", "labels": {"toxicity": 1}, "is_report": True, "user": reporter}
        sent = moderator.post("/text_labels/", json=body | {"message_id": outside(reply)})
        assert sent.status_code == 204
    seen, place = [], None
    while True:
        query = {"max_count": 1, "processed": "false"} | ({"after": place} if place else {})
        page = moderator.get("/admin/flagged_messages/cursor", params=query).json()
        seen += [each["message_id"] for each in page["items"]]
        place = page["next"]
        if place is None:
            break
    assert set(seen) >= {outside(each) for each in replies} and len(seen) == len(set(seen))
    done = moderator.post(f"/admin/flagged_messages/{outside(replies[0])}/processed").json()
    assert done["processed"] is True
    tree = kept.read(tree_of(kept, replies[0]))
    assert tree.messages[replies[0]].open_marks("red_flag") == 0
    assert (
        Mark(_only(tree.messages[replies[0]].marks), "red_flag") in tree.messages[replies[0]].marks
    )
    left = moderator.get("/admin/flagged_messages", params={"processed": "false"}).json()
    assert outside(replies[0]) not in [each["message_id"] for each in left]
    assert (
        moderator.post(f"/admin/flagged_messages/{outside(tree.id)}/processed").status_code == 404
    )


def _only(marks: frozenset[Mark]) -> str:
    (mark,) = marks
    return mark.contributor


def test_acts_on_people_preview_unless_they_are_told_not_to(
    moderator: httpx.Client, kept: TreeStore
) -> None:
    tree_id, replies, people = a_tree(kept, "people")
    who = outside(people[3])
    shown = moderator.post(f"/admin/withdraw_user/{who}").json()
    assert (shown["preview"], shown["consequences"]["reviews"]) == (True, 3)
    assert kept.read(tree_id).state is State.READY_FOR_EXPORT
    done = moderator.post(f"/admin/withdraw_user/{who}", params={"preview": "false"}).json()
    assert done["consequences"] == shown["consequences"] | {"done": True}
    back = moderator.post(f"/admin/reinstate_user/{who}", params={"preview": "false"}).json()
    assert back["consequences"]["votes"] == -1

    writer = outside(people[1])
    kept_texts = moderator.post(f"/admin/purge_user/{writer}/messages").json()
    assert (kept_texts["after"]["active"], kept.read(tree_id).messages[replies[0]].text) == (
        kept_texts["before"]["active"] - 1,
        "reply 0",
    )
    gone = moderator.post(f"/admin/purge_user/{writer}", params={"preview": "false"}).json()
    assert gone["consequences"]["messages_erased"] == 1
    profile = moderator.get(f"/users/{writer}").json()
    assert (profile["enabled"], profile["deleted"]) == (False, True)
    assert kept.read(tree_id).messages[replies[0]].text == ""

    merging = {"destination_user_id": outside(people[2]), "source_user_ids": [outside(people[4])]}
    assert moderator.post("/admin/merge_users", json=merging).status_code == 204
    same = {"destination_user_id": outside(people[2]), "source_user_ids": [outside(people[2])]}
    assert moderator.post("/admin/merge_users", json=same).json()["field"] == "source_user_ids"


def test_a_ban_is_lifted_by_moderators_alone(
    address: str, keys: Keys, moderator: httpx.Client
) -> None:
    user = {"id": "gil", "display_name": "Gil", "auth_method": "local"}
    with speaking(address, keys["trees"]) as client:
        who = client.post("/frontend_users/", json=user).json()["user_id"]
        asking = {"type": "initial_prompt", "user": user, "lang": "en"}
        assert client.post("/tasks/", json=asking).status_code == 200
        banned = moderator.put(f"/users/{who}", params={"enabled": "false", "notes": "spammer"})
        assert banned.status_code == 204
        assert code_of(client.post("/tasks/", json=asking)) == (403, 4001)
        client.post("/frontend_users/", json=user | {"enabled": True})
        assert code_of(client.post("/tasks/", json=asking)) == (403, 4001)
        moderator.put(f"/users/{who}", params={"enabled": "true"})
        assert client.post("/tasks/", json=asking).status_code == 200
        assert moderator.delete(f"/users/{who}").status_code == 204
        assert moderator.get(f"/users/{who}").json()["display_name"] == "Deleted"


def test_what_somebody_wrote_is_deleted_and_can_come_back(
    moderator: httpx.Client, kept: TreeStore
) -> None:
    tree_id, replies, people = a_tree(kept, "deleting")
    assert moderator.delete(f"/users/{outside(people[1])}/messages").status_code == 204
    assert kept.read(tree_id).messages[replies[0]].deleted
    assert moderator.put(f"/messages/{outside(replies[0])}/undelete").status_code == 204
    assert not kept.read(tree_id).messages[replies[0]].deleted


def test_keys_are_made_by_administrators(address: str, keys: Keys, moderator: httpx.Client) -> None:
    wanted = {"description": "our front end", "frontend_type": "web", "trusted": False}
    assert code_of(moderator.post("/admin/api_client", json=wanted)) == (403, 2)
    with speaking(address, keys["admin"]) as admin:
        made = admin.post("/admin/api_client", json=wanted).json()
    with speaking(address, made["api_key"]) as client:
        assert client.get("/leaderboards/day").status_code == 200
        assert client.get("/stats/").status_code == 403
    settings = moderator.get("/admin/backend_settings/full").json()
    assert settings["max_active_trees"] == 10
    assert not any("key" in name or "secret" in name for name in settings)


def test_our_classifier_answers_for_toxicity(moderator: httpx.Client) -> None:
    (found,) = moderator.get("/hf/text_toxicity", params={"msg": "You stupid idiot."}).json()
    assert found[0]["label"] == "toxicity" and found[0]["score"] > 0.9
    assert moderator.get("/hf/text_toxicity").json() == []
