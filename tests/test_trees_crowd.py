"""A crowd of 50 over the public API brings trees from prompt to export, whoever dies or is banned.

Two servers share a database; some are killed while people write. People skip, reject, go away and
leave tasks open; a moderator deletes, halts, lets go on and bans. `-m endurance` brings up 200
trees.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from growing import HOUR
from keeping_trees import assert_draws_kept_the_limit, assert_whole, row_count, tree_ids
from serving import make_key
from sqlalchemy import select, update
from tree_crowd import Client, Contributor, Moderator, Servers, Told, at_once

from ostraka.access.keys import Scope
from ostraka.storage.database import Database
from ostraka.trees.configuration import parse_configuration
from ostraka.trees.export import ExportOptions, export
from ostraka.trees.export_schema import ExportedTree
from ostraka.trees.states import ENDED, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeMessageRow, TreeRow, TreeTaskRow

PEOPLE = 50
CONFIGURATION = """
max_active_trees = 8
max_initial_prompt_review = 12
max_prompt_lottery_waiting = 20
max_tree_depth = 2
max_children_count = 2
goal_tree_size = 4
min_goal_tree_size = 2
"""


class Story:
    """One crowd on one database, from the first prompt until every tree has ended."""

    def __init__(self, servers: Servers, store: TreeStore, keys: tuple[str, str], trees: int):
        self.servers, self.store, self.keys, self.wanted = servers, store, keys, trees
        self.told, self.over = Told(), threading.Event()
        self.moderator = Moderator(Client(servers, 0, keys[1]), self.told, Random(0))
        self._planted = 0
        self._lock = threading.Lock()

    def run(self, kills: int, seconds: float) -> None:
        """Until the last tree has ended."""
        threads = [lambda n=n: self._contribute(n) for n in range(PEOPLE)]
        at_once([*threads, lambda: self._watch(kills, seconds)])

    def _contribute(self, number: int) -> None:
        random = Random(number)
        client = Client(self.servers, number, self.keys[0])
        who, lives = Contributor(client, f"person {number}", self.told, random), 0
        who.arrive()
        pause = 0.5
        while not self.over.is_set():
            if random.random() < 0.2 and self._claims_prompt():
                if not who.prompt():
                    self._give_prompt_up()
            elif who.work():
                pause = 0.5
            else:  # whoever finds nothing looks less and less often
                self.over.wait(pause * (1 + random.random()))
                pause = min(8.0, 2 * pause)
            if who.is_banned():  # somebody new comes in their place
                lives += 1
                who = Contributor(client, f"person {number} again {lives}", self.told, random)
                who.arrive()
        client.close()

    def _claims_prompt(self) -> bool:
        """Whether one more prompt is wanted; then it is this one's to write."""
        with self._lock:
            wanted = self._planted < self.wanted
            self._planted += wanted
        return wanted

    def _give_prompt_up(self) -> None:
        with self._lock:
            self._planted -= 1

    def _watch(self, kills: int, seconds: float) -> None:
        """Kill servers, let a moderator act, and let time pass for those who went away."""
        try:
            self._watch_until_over(kills, time.monotonic() + seconds)
        finally:
            self.over.set()

    def _watch_until_over(self, kills: int, end: float) -> None:
        while time.monotonic() < end:
            due = 6 * self.wanted * (self.servers.kills + 1) / max(kills, 1)
            if self.servers.kills < kills and sum(self.told.done.values()) > due:
                self.servers.kill(self.servers.kills % 2)
            everything_there = row_count(self.store, TreeRow) >= self.wanted
            if everything_there and not tree_ids(self.store, *(set(State) - ENDED)):
                return
            self._let_time_pass()
            self.moderator.meddle()
            time.sleep(2)
        counts = Counter(self.store.read(each).state for each in tree_ids(self.store))
        raise AssertionError(f"no end: {counts}, {self.told.done}, {self.told.refused}")

    def _let_time_pass(self) -> None:
        """Tasks that were left lying have run out; the servers find that by themselves."""
        with self.told.lock:
            left = sorted(self.told.left)
        lying = (TreeTaskRow.id.in_(left), TreeTaskRow.state == "open")
        trees = select(TreeTaskRow.tree_id).where(*lying)
        with self.store.database.writing() as session:
            # Without a stamp no server takes what it knows of the tree for what stands here.
            session.execute(update(TreeRow).where(TreeRow.id.in_(trees)).values(stamp=None))
            session.execute(
                update(TreeTaskRow).where(*lying).values(expires_at=datetime.now(UTC) - HOUR)
            )


@pytest.fixture
def story(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Story]:
    (tmp_path / "trees.toml").write_text(CONFIGURATION)
    database = Database.at(database_url)
    _, contributors = make_key(database_url, Scope.TREES)
    _, admin = make_key(database_url, Scope.TREES, Scope.TREES_ADMIN)
    servers = Servers(
        tmp_path,
        2,
        database_url=database_url,
        trees_configuration=str(tmp_path / "trees.toml"),
        trees_rate_limits="false",
    )
    store = TreeStore(database, parse_configuration(CONFIGURATION))
    yield Story(servers, store, (contributors, admin), request.param)
    servers.close()
    database.close()


def check(story: Story) -> None:
    """Every tree has ended, the rows agree with what people were told, no limit was passed."""
    store, told = story.store, story.told
    assert told.faults == [], "\n".join(told.faults)
    states = assert_whole(store)
    assert set(map(State, states)) <= ENDED
    assert states[State.READY_FOR_EXPORT] > 0
    assert sum(states.values()) == row_count(store, TreeRow) >= story.wanted
    assert row_count(store, TreeTaskRow, TreeTaskRow.state == "open") == 0
    done = {
        "text_reply_to_message": row_count(store, TreeMessageRow),
        "text_labels": _tasks(store, "review"),
        "message_ranking": _tasks(store, "rank"),
    }
    assert {name: told.done[name] for name in done} == done, "all that was acknowledged is there"
    assert assert_draws_kept_the_limit(store) > 0
    exported = [
        each
        for each in export(
            map(store.read, tree_ids(store)), ExportOptions(labels=True, events=True)
        )
        if isinstance(each, ExportedTree)
    ]
    assert len(exported) == states[State.READY_FOR_EXPORT]
    assert all(message.review_result for tree in exported for message in tree.messages())
    _check_public_counts(story)


def _check_public_counts(story: Story) -> None:
    """What the API says is what the rows say."""
    store = story.store
    client = Client(story.servers, 0, story.keys[1])
    counts = client.send("GET", "/stats/tree_manager/state_counts").json()
    assert {name: n for name, n in counts.items() if n} == dict(assert_whole(store))
    with store.database.reading() as session:
        people = session.query(ContributorRow).all()
    replies = reviews = 0
    for person in people:
        answer = client.send("GET", f"/users/{person.id}/stats/total")
        if answer.status_code == 200 and answer.json():
            frame = answer.json()
            frame = frame.get("total", frame)
            replies += frame["replies_assistant"] + frame["replies_prompter"] + frame["prompts"]
            reviews += frame["labels_simple"] + frame["labels_full"]
    kept = TreeMessageRow.deleted.is_(False)
    assert replies == row_count(store, TreeMessageRow, kept)
    assert reviews == _tasks(store, "review")
    client.close()


def _tasks(store: TreeStore, activity: str) -> int:
    done = (TreeTaskRow.state == "done", TreeTaskRow.activity == activity)
    return row_count(store, TreeTaskRow, *done)


@pytest.mark.parametrize("story", [20], indirect=True)
def test_a_crowd_brings_20_trees_to_their_end(story: Story) -> None:
    story.run(kills=1, seconds=1500)
    assert story.servers.kills == 1
    check(story)


@pytest.mark.endurance
@pytest.mark.parametrize("story", [200], indirect=True)
def test_a_crowd_brings_200_trees_to_their_end(story: Story) -> None:
    story.run(kills=8, seconds=9000)
    assert story.servers.kills == 8
    assert len(story.told.banned) > 0
    check(story)
