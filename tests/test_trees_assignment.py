"""Tasks out of the database: what is offered is accepted, nothing surplus, and refusals say why."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from growing import GOOD, NOW, SMALL
from keeping_trees import together
from sqlalchemy import func, select

from ostraka.access.person import Person
from ostraka.access.roles import Role as PersonRole
from ostraka.errors import (
    ConflictError,
    InvalidInputError,
    KeyReusedError,
    MissingScopeError,
    NotFoundError,
)
from ostraka.storage.database import Database
from ostraka.trees.assignment import Assignment, Resend
from ostraka.trees.banning import ban, erase, unban
from ostraka.trees.configuration import TaskWeights, TreeConfiguration
from ostraka.trees.contributors import ContributorStore
from ostraka.trees.drawing import counts_of
from ostraka.trees.finding import Search, candidates
from ostraka.trees.loading import load
from ostraka.trees.offers import Offer
from ostraka.trees.selection import NoTaskError, TaskType, available
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeBarRow, TreeOpeningRow, TreeRow, TreeTaskRow
from ostraka.trees.values import Activity

LATER = NOW + timedelta(days=3)
PROMPT, LABEL, REPLY = (
    TaskType.INITIAL_PROMPT,
    TaskType.LABEL_INITIAL_PROMPT,
    TaskType.ASSISTANT_REPLY,
)
TREE_TYPES = [kind for kind in TaskType if kind is not PROMPT]


@pytest.fixture
def assignment(store: TreeStore) -> Assignment:
    return Assignment(store)


def with_changes(store: TreeStore, **fields: Any) -> Assignment:
    return Assignment(TreeStore(store.database, SMALL.model_copy(update=fields)))


def hand_in(assignment: Assignment, offer: Offer, who: str, text: str = "", bad: bool = False):
    if offer.kind is PROMPT or offer.kind in (REPLY, TaskType.PROMPTER_REPLY):
        text = text or f"text of {offer.id}"
        return assignment.hand_in_text(offer.id, text, who, NOW, Random(0))
    if offer.replies:
        tiers = tuple((reply.id,) for reply in offer.replies)
        return assignment.hand_in_ranking(offer.id, tiers, who, NOW)
    labels = dict.fromkeys(offer.mandatory_labels, float(bad))
    return assignment.hand_in_labels(offer.id, labels, who, NOW)


def planted(store: TreeStore, author: str = "ada") -> str:
    return store.plant(f"a prompt by {author}", author, "en", NOW, Random(0)).id


def accepted(assignment: Assignment, tree_id: str) -> None:
    for who in "xyz":
        name = f"{who} of {tree_id}"
        lease = assignment.store.take(tree_id, Activity.REVIEW, tree_id, name, NOW)
        assignment.hand_in_labels(lease.id, GOOD, name, NOW)


def found_for(store: TreeStore, who: str) -> set[tuple[TaskType, str]]:
    """What the database finds for somebody."""
    with store.database.reading() as session:
        return {
            (each.type, each.message_id)
            for kind in TREE_TYPES
            for each in candidates(
                session, Search(who, "en", (kind,)), store.configuration, Random(1)
            )
        }


def ruled_for(store: TreeStore, people: list[str]) -> list[set[tuple[TaskType, str]]]:
    """What the rules let each of them do, over all trees."""
    with store.database.reading() as session:
        trees = [load(session, each) for each in session.scalars(select(TreeRow.id))]
        counts = counts_of(session, "en")
    offered = [available(trees, counts, "en", who, store.configuration) for who in people]
    return [{(each.type, each.message_id) for each in one.candidates} for one in offered]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_database_finds_what_the_rules_allow(store: TreeStore, seed: int) -> None:
    configuration = SMALL.model_copy(
        update={
            "max_tree_depth": 2,
            "goal_tree_size": 5,
            "rank_prompter_replies": True,
            "max_pending_tasks_per_user": 3,
            "duplicate_message_window_minutes": 0,
        }
    )
    store = TreeStore(store.database, configuration)
    assignment, random = Assignment(store), Random(seed)
    people = [f"person {number}" for number in range(7)]
    held: list[tuple[Offer, str]] = []
    for step in range(100):
        who = random.choice(people)
        try:
            offer = assignment.request(who, "random", "en", NOW, random)
            held.append((offer, who))
        except (NoTaskError, ConflictError):
            pass
        while held and random.random() < 0.6:
            offer, who = held.pop(random.randrange(len(held)))
            if random.random() < 0.1:
                assignment.skip(offer.id, who, NOW, "no time")
            else:
                hand_in(assignment, offer, who, f"text {step} {len(held)}", random.random() < 0.1)
        if step % 20 == 19:
            asking = [*people, "newcomer"]
            assert [found_for(store, each) for each in asking] == ruled_for(store, asking)


def test_a_crowd_brings_trees_to_export(store: TreeStore) -> None:
    assignment, random = with_changes(store, task_weights=TaskWeights(prompt=0.0)), Random(5)
    for number in range(200):
        wanted = PROMPT if number < 2 else "random"
        try:
            offer = assignment.request(f"person {number}", wanted, "en", NOW, random)
        except NoTaskError:
            break
        hand_in(assignment, offer, f"person {number}")
    with store.database.reading() as session:
        states = set(session.scalars(select(TreeRow.state)))
        left = session.scalar(select(func.count()).select_from(TreeOpeningRow))
        bars = session.scalar(select(func.count()).select_from(TreeBarRow))
    assert states == {State.READY_FOR_EXPORT}
    assert (left, bars) == (0, 0)


def test_r1_r2_nothing_surplus_is_handed_out_at_once(
    assignment: Assignment, store: TreeStore
) -> None:
    tree_id = planted(store)
    found = together(
        [
            lambda n=n: assignment.request(f"person {n}", LABEL, "en", NOW, Random(n))
            for n in range(12)
        ]
    )
    offers = [each for each in found if isinstance(each, Offer)]
    refused = [each for each in found if isinstance(each, NoTaskError)]
    assert (len(offers), len(refused)) == (3, 9)
    assert len(store.read(tree_id).leases) == 3
    assert "with others now" in refused[0].message


def test_many_at_once_share_the_work_of_many_trees(
    assignment: Assignment, store: TreeStore
) -> None:
    for number in range(6):
        planted(store, f"author {number}")
    found = together(
        [
            lambda n=n: assignment.request(f"person {n}", LABEL, "en", NOW, Random(n))
            for n in range(18)
        ]
    )
    assert [each for each in found if not isinstance(each, Offer)] == []
    taken = [each.message_id for each in found]
    assert sorted(map(taken.count, set(taken))) == [3] * 6


def test_prompts_are_asked_for_as_many_as_there_is_room(store: TreeStore) -> None:
    assignment = with_changes(store, max_active_trees=1, max_initial_prompt_review=2)
    found = together(
        [
            lambda n=n: assignment.request(f"person {n}", PROMPT, "en", NOW, Random(n))
            for n in range(8)
        ]
    )
    offers = [each for each in found if isinstance(each, Offer)]
    assert len(offers) == 3
    [why] = {each.message for each in found if isinstance(each, NoTaskError)}
    assert why == (
        "Three new prompts in your language are being written or reviewed, which is enough for now."
    )
    assert assignment.availability("somebody", "en", NOW).counts[PROMPT] == 0
    assert assignment.availability("somebody", "de", NOW).counts[PROMPT] == 3


def test_b9_closed_languages_take_no_prompts_at_any_door(store: TreeStore) -> None:
    assignment = with_changes(store, init_prompt_disabled_langs=("fr",))
    with pytest.raises(NoTaskError, match="not taken in this language"):
        assignment.request("ada", PROMPT, "fr", NOW, Random(0))
    for seed in range(5):
        with pytest.raises(NoTaskError):
            assignment.request("ada", "random", "fr", NOW, Random(seed))
    found = assignment.availability("ada", "fr", NOW)
    assert found.total == 0
    assert set(found.reasons) == set(TaskType)


def test_a_prompt_is_held_written_and_reviewed(assignment: Assignment, store: TreeStore) -> None:
    offer = assignment.request("ada", PROMPT, "en", NOW, Random(0))
    assert (offer.tree_id, offer.conversation) == (None, ())
    assert [each.id for each in assignment.open_tasks("ada", NOW)] == [offer.id]
    with pytest.raises(InvalidInputError):
        assignment.hand_in_text(offer.id, "  ", "ada", NOW, Random(0))
    with pytest.raises(NotFoundError):
        assignment.hand_in_text(offer.id, "How?", "eve", NOW, Random(0))
    prompt = assignment.hand_in_text(offer.id, " How? ", "ada", NOW, Random(0))
    again = assignment.hand_in_text(offer.id, " How? ", "ada", NOW, Random(0))
    assert (prompt.text, again.id) == ("How?", prompt.id)
    with pytest.raises(ConflictError, match="done already"):
        assignment.hand_in_text(offer.id, "Why?", "ada", NOW, Random(0))
    assert store.read(prompt.id).state is State.INITIAL_PROMPT_REVIEW
    done = assignment.get(offer.id, "ada")
    assert (done.state, done.made_id, done.tree_id) == ("done", prompt.id, prompt.id)


def test_the_same_text_is_not_taken_twice(assignment: Assignment) -> None:
    first = assignment.request("ada", PROMPT, "en", NOW, Random(0))
    assignment.hand_in_text(first.id, "How?", "ada", NOW, Random(0))
    second = assignment.request("ada", PROMPT, "en", NOW, Random(0))
    with pytest.raises(ConflictError, match="a short while ago") as refused:
        assignment.hand_in_text(second.id, "How?", "ada", NOW, Random(0))
    assert refused.value.code == "text_repeated"
    assignment.hand_in_text(second.id, "How?", "ada", NOW + timedelta(hours=3), Random(0))


def test_what_is_sent_again_is_done_once(assignment: Assignment, store: TreeStore) -> None:
    tree_id = planted(store)
    offer = assignment.request("bob", LABEL, "en", NOW, Random(0))
    calls = [lambda: assignment.hand_in_labels(offer.id, GOOD, "bob", NOW)] * 4
    assert [each for each in together(calls) if isinstance(each, Exception)] == []
    assert len(store.read(tree_id).root.reviews) == 1
    with pytest.raises(ConflictError, match="done already"):
        assignment.hand_in_labels(offer.id, {"spam": 1.0}, "bob", NOW)


def test_a_request_with_a_key_gives_one_task(assignment: Assignment, store: TreeStore) -> None:
    planted(store)
    key = Resend("client", "key-1", "fingerprint")
    ask = [lambda: assignment.request("bob", LABEL, "en", NOW, Random(0), key)] * 4
    assert len({each.id for each in together(ask)}) == 1
    other = Resend("client", "key-1", "another request")
    with pytest.raises(KeyReusedError):
        assignment.request("bob", LABEL, "en", NOW, Random(0), other)
    with pytest.raises(NoTaskError):
        fresh = Resend("client", "key-2", "fingerprint")
        assignment.request("bob", LABEL, "en", NOW, Random(0), fresh)
    planted(store, "joe")
    assert assignment.request("bob", LABEL, "en", NOW, Random(0), fresh).kind is LABEL


def test_few_tasks_are_open_at_a_time(assignment: Assignment, store: TreeStore) -> None:
    for number in range(10):
        planted(store, f"author {number}")
    found = together(
        [lambda n=n: assignment.request("bob", LABEL, "en", NOW, Random(n)) for n in range(10)]
    )
    refused = [each for each in found if isinstance(each, ConflictError)]
    assert [each.code for each in refused] == ["too_many_pending"] * 2
    assert "You took 8 tasks" in refused[0].message
    assignment.hand_in_labels(assignment.open_tasks("bob", NOW)[0].id, GOOD, "bob", NOW)
    assignment.request("bob", LABEL, "en", NOW, Random(0))


def test_refusals_say_why(assignment: Assignment, store: TreeStore) -> None:
    def why(who: str, kind: TaskType) -> str:
        with pytest.raises(NoTaskError) as refused:
            assignment.request(who, kind, "en", NOW, Random(0))
        return refused.value.message

    assert why("bob", LABEL) == "No prompt in your language waits for a review now."
    first, second = planted(store), planted(store)
    planted(store, "bob")
    assert (
        why("ada", REPLY) == "No conversation in your language waits for an assistant's reply now."
    )
    for _ in range(2):
        offer = assignment.request("bob", LABEL, "en", NOW, Random(0))
        assignment.hand_in_labels(offer.id, GOOD, "bob", NOW)
    assert {len(store.read(each).root.reviews) for each in (first, second)} == {1}
    assert why("bob", LABEL) == (
        "Three prompts in your language wait for two to three more reviews, but not from you: "
        "you wrote one yourself and you have reviewed two before."
    )
    offer = assignment.request("ada", LABEL, "en", NOW, Random(0))
    assert "you have one open as a task" in why("ada", LABEL)
    assignment.skip(offer.id, "ada", NOW)
    assert "you have skipped one before" in why("ada", LABEL)


def test_a_skip_hides_a_message_until_it_is_undone(
    assignment: Assignment, store: TreeStore
) -> None:
    planted(store)
    offer = assignment.request("bob", LABEL, "en", NOW, Random(0))
    assignment.skip(offer.id, "bob", NOW, "no time")
    assignment.skip(offer.id, "bob", NOW, "no time")
    with pytest.raises(NoTaskError):
        assignment.request("bob", LABEL, "en", NOW, Random(0))
    again = assignment.undo_skip(offer.id, "bob", NOW, Random(0))
    assert again is not None
    assert (again.message_id, again.labels) == (offer.message_id, offer.labels)
    assert assignment.undo_skip(offer.id, "bob", NOW, Random(1)) == again
    assignment.hand_in_labels(again.id, GOOD, "bob", NOW)
    with pytest.raises(ConflictError, match="done already"):
        assignment.skip(again.id, "bob", NOW)
    with pytest.raises(ConflictError, match="not skipped"):
        assignment.undo_skip(again.id, "bob", NOW, Random(0))


def test_an_undone_skip_may_find_its_place_taken(assignment: Assignment, store: TreeStore) -> None:
    tree_id = planted(store)
    offer = assignment.request("bob", LABEL, "en", NOW, Random(0))
    assignment.skip(offer.id, "bob", NOW)
    leases = [store.take(tree_id, Activity.REVIEW, tree_id, who, NOW) for who in "xyz"]
    assert assignment.undo_skip(offer.id, "bob", NOW, Random(0)) is None
    store.skip(leases[0].id, "x", NOW)
    assert assignment.request("bob", LABEL, "en", NOW, Random(0)).message_id == tree_id
    prompt = assignment.request("eve", PROMPT, "en", NOW, Random(0))
    assignment.skip(prompt.id, "eve", NOW)
    assert assignment.open_tasks("eve", NOW) == []
    assert assignment.undo_skip(prompt.id, "eve", NOW, Random(0)) is not None


@pytest.mark.parametrize("kind", [PROMPT, LABEL])
def test_a_task_is_held_longer_where_it_is_renewed(
    assignment: Assignment, store: TreeStore, kind: TaskType
) -> None:
    planted(store)
    lost, kept = (assignment.request(who, kind, "en", NOW, Random(0)) for who in ("bob", "eve"))
    almost = NOW + timedelta(days=1, hours=23)
    assert assignment.renew(kept.id, "eve", almost) > LATER
    assert [each.id for each in assignment.open_tasks("eve", LATER)] == [kept.id]
    assert assignment.open_tasks("bob", LATER) == []
    with pytest.raises(ConflictError, match="expired"):
        assignment.renew(lost.id, "bob", LATER)
    assert store.expire(LATER) <= 1
    assert assignment.get(lost.id, "bob").state == "expired"
    assert assignment.get(kept.id, "eve").state == "open"


def test_a_place_that_ran_out_is_given_to_the_next(
    assignment: Assignment, store: TreeStore
) -> None:
    tree_id = planted(store)
    for who in "xyz":
        assignment.request(who, LABEL, "en", NOW, Random(0))
    with pytest.raises(NoTaskError):
        assignment.request("bob", LABEL, "en", NOW, Random(0))
    assert assignment.request("bob", LABEL, "en", LATER, Random(0)).message_id == tree_id


def test_banned_contributors_get_and_give_nothing(assignment: Assignment, store: TreeStore) -> None:
    contributors = ContributorStore(store.database)
    eve = contributors.lookup("key", "local", "eve", "Eve", NOW)
    planted(store)
    offer = assignment.request(eve.id, LABEL, "en", NOW, Random(0))
    ban(store, eve.id, "moderator", NOW)
    assert not contributors.lookup("key", "local", "eve", "Another Name", NOW).enabled
    with pytest.raises(MissingScopeError, match="not contribute"):
        assignment.hand_in_labels(offer.id, GOOD, eve.id, NOW)
    with pytest.raises(MissingScopeError):
        assignment.request(eve.id, LABEL, "en", NOW, Random(0))
    unban(store, eve.id, "moderator", NOW)
    with pytest.raises(ConflictError, match="expired"):
        assignment.hand_in_labels(offer.id, GOOD, eve.id, NOW)
    offer = assignment.request(eve.id, LABEL, "en", NOW, Random(0))
    assignment.hand_in_labels(offer.id, GOOD, eve.id, NOW)


def test_a_new_configuration_is_noticed_by_the_trees(
    assignment: Assignment, store: TreeStore
) -> None:
    tree_id = planted(store)
    for who in "xy":
        offer = assignment.request(who, LABEL, "en", NOW, Random(0))
        assignment.hand_in_labels(offer.id, GOOD, who, NOW)
    fewer = with_changes(store, num_reviews_initial_prompt=2)
    assert fewer.request("ann", REPLY, "en", NOW, Random(0)).tree_id == tree_id
    assert store.read(tree_id).state is State.GROWING
    assert fewer.store.reconfigure(NOW) == 0


def test_the_same_seed_gives_the_same_task(database_url: str) -> None:
    def first_picks(seed: int) -> list[str | None]:
        database = Database.at(database_url)
        assignment = Assignment(TreeStore(database, TreeConfiguration()))
        if seed == 1 and not counts(database):
            for number in range(20):
                planted(assignment.store, f"author {number}")
        offer = assignment.request("bob", LABEL, "en", NOW, Random(seed))
        assignment.skip(offer.id, "bob", NOW)
        assignment.undo_skip(offer.id, "bob", NOW, Random(seed))
        open_ = assignment.open_tasks("bob", NOW)
        for each in open_:
            with database.writing() as session:
                row = session.get_one(TreeTaskRow, each.id)
                session.delete(row)
                # Without its stamp a tree is read anew: this change went past the store.
                session.get_one(TreeRow, each.tree_id).stamp = None
            assignment.store.let_happen(each.tree_id or "", Event.CHECK, "test", NOW)
        database.close()
        return [offer.message_id]

    def counts(database: Database) -> int:
        with database.reading() as session:
            return session.scalar(select(func.count()).select_from(TreeRow)) or 0

    assert first_picks(1) == first_picks(1)
    assert len({tuple(first_picks(seed)) for seed in range(1, 9)}) > 3


def test_contributors_are_known_by_their_client(store: TreeStore) -> None:
    contributors = ContributorStore(store.database)
    found = together(
        [lambda: contributors.lookup("key", "local", "ann", "Ann", NOW) for _ in range(6)]
    )
    assert len({each.id for each in found}) == 1
    ann = found[0]
    assert contributors.lookup("key 2", "local", "ann", "Ann", NOW).id != ann.id
    assert contributors.lookup("key", "local", "ann", "Anna", NOW).display_name == "Anna"
    assert contributors.find("key", "local", "bob") is None
    person = Person("person_1", "Ann Ex", "Amber Heron", PersonRole.REVIEWER)
    assert contributors.of_person(person, NOW).display_name == "Amber Heron"
    assert contributors.of_person(person, NOW) == contributors.of_person(person, LATER)
    with pytest.raises(InvalidInputError, match=r"user\.id"):
        contributors.lookup("key", "local", " ", "", NOW)
    names = [each.username for each in contributors.page(client="key", search="AN").entries]
    assert names == ["ann"]


def test_who_was_banned_and_erased_does_not_come_back_as_somebody_new(store: TreeStore) -> None:
    contributors = ContributorStore(store.database)
    eve = contributors.lookup("key", "local", "eve", "Eve", NOW)
    ban(store, eve.id, "moderator", NOW)
    erased = erase(store, eve.id, "moderator", NOW)
    assert "eve" not in erased.username
    again = contributors.lookup("key", "local", "eve", "Eve", NOW)
    assert (again.id, again.enabled, again.display_name) == (eve.id, False, "Deleted")
    with pytest.raises(ConflictError):
        unban(store, eve.id, "moderator", NOW)
    ann = contributors.lookup("key", "local", "ann", "Ann", NOW)
    erase(store, ann.id, "moderator", NOW)
    assert contributors.lookup("key", "local", "ann", "Ann", NOW).id != ann.id
