"""Accounts that are one person: no ban or strike is shaken off, no name is used any longer."""

from datetime import timedelta
from functools import partial
from random import Random

import pytest
from growing import GOOD, NOW
from keeping_trees import together
from sqlalchemy import select
from tree_keeping import RUDE, behind, contributor, planted, work_off

from ostraka.errors import ConflictError, InvalidInputError, MissingScopeError
from ostraka.review.strikes import Strike, add_strike, revoke, standing_strikes
from ostraka.review.tables import AuthorRow, ItemRow
from ostraka.storage.audit import EntryFilter, list_entries
from ostraka.trees.assignment import Assignment
from ostraka.trees.banning import ban, erase, unban
from ostraka.trees.changing import Hand
from ostraka.trees.contributors import CONSOLE, PERSON, ContributorStore
from ostraka.trees.editing import edit_message
from ostraka.trees.moderation import items_of
from ostraka.trees.people import People
from ostraka.trees.selection import TaskType
from ostraka.trees.single_acts import undelete_message
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeTaskRow
from ostraka.trees.values import Activity

LABEL = TaskType.LABEL_INITIAL_PROMPT


@pytest.fixture
def two(store: TreeStore) -> tuple[str, str]:
    """Two accounts of one person."""
    return contributor(store.database, "ada"), contributor(store.database, "ben")


def merge(store: TreeStore, into: str, source: str, *, preview: bool = False) -> bool:
    """Whether a ban comes along."""
    (found,) = People(Hand(store, "person_mod", NOW, preview)).merge(into, [source])
    return found.bans


def may_contribute(store: TreeStore, who: str) -> bool:
    try:
        offer = Assignment(store).request(who, LABEL, "en", NOW, Random(0))
    except MissingScopeError:
        return False
    Assignment(store).give_back(offer.id, who, NOW)
    return True


def test_whichever_account_was_banned_the_one_that_is_left_is(
    store: TreeStore, two: tuple[str, str]
) -> None:
    ada, ben = two
    tree_ids = {planted(store, f"author {number}") for number in range(2)}
    for tree_id in tree_ids:
        store.take(tree_id, Activity.REVIEW, tree_id, ada, NOW)
    ban(store, ben, "person_mod", NOW)
    assert merge(store, ada, ben, preview=True)
    assert ContributorStore(store.database).get(ada).enabled, "a preview changes nothing"
    assert merge(store, ada, ben)
    assert not may_contribute(store, ada)
    assert all(store.read(each).leases == () for each in tree_ids), "others get what they held"
    contributors = ContributorStore(store.database)
    assert contributors.lookup("key", "local", "ben", None, NOW).banned_at == NOW
    with store.database.reading() as session:
        named = [each.act for each in list_entries(session, EntryFilter(), 10)]
    assert named == ["contributor.merged", "contributor.banned", "contributor.banned"]

    unban(store, ben, "person_mod", NOW)  # by the old id: they are one
    assert may_contribute(store, ada)
    assert not merge(store, ada, ben), "done again, it bans nobody again"
    assert may_contribute(store, ada)
    ban(store, ben, "person_mod", NOW)
    assert not may_contribute(store, ada)


def test_strikes_and_their_bans_come_along_and_go_with_their_cause(
    store: TreeStore, two: tuple[str, str]
) -> None:
    ada, ben = two
    tree_id = planted(store, ben, f"a {RUDE} prompt")
    planted(store, "somebody else")
    work_off(behind(store))
    with store.database.writing() as session:
        item = session.scalars(select(ItemRow).where(ItemRow.thread_id == tree_id)).one()
        until = NOW + timedelta(days=3)
        strike = Strike("ban_temporary", "harassment", 1.0, None, until)
        add_strike(session, item, strike, NOW)
        item_id = item.id
    assert merge(store, ada, ben)
    with store.database.writing() as session:
        author = session.scalars(select(AuthorRow).where(AuthorRow.external_id == ada)).one()
        assert session.get_one(ItemRow, item_id).author_id == author.id
    assert not may_contribute(store, ada)
    with store.database.writing() as session:
        revoke(session, [each.id for each in standing_strikes(session, item_id)], NOW)
    assert may_contribute(store, ada)


def test_two_records_become_one(store: TreeStore, two: tuple[str, str]) -> None:
    ada, ben = two
    for who in two:
        planted(store, who, f"a {RUDE} prompt by {who}")
    work_off(behind(store))
    merge(store, ada, ben)
    with store.database.reading() as session:
        names = select(AuthorRow.external_id).join(ItemRow, ItemRow.author_id == AuthorRow.id)
        assert session.scalars(names).all() == [ada, ada]


def test_a_text_that_was_judged_keeps_its_verdict_whoever_wrote_it(
    store: TreeStore, two: tuple[str, str]
) -> None:
    """The item of the text still names the author of then; it is no reason to judge no more."""
    ada, ben = two
    hand, rude = Hand(store, "person_mod", NOW), f"a {RUDE} prompt"
    tree_id = planted(store, ben, rude)
    work = behind(store)
    work_off(work)
    edit_message(hand, tree_id, "a prompt")
    work_off(work)
    undelete_message(hand, tree_id)
    merge(store, ada, ben)
    edit_message(hand, tree_id, rude)
    work_off(work)
    assert store.read(tree_id).root.deleted
    with store.database.reading() as session:
        names = select(ItemRow.external_id)
        assert len(session.scalars(names).all()) == 2
        [(message_id, item)] = items_of(session, store.read(tree_id)).items()
    assert (message_id, item.text) == (tree_id, rude)


def test_nothing_is_taken_under_the_old_id(store: TreeStore, two: tuple[str, str]) -> None:
    """A request that had begun before the merge ends after it."""
    ada, ben = two
    tree_id = planted(store, "an author")
    lease = store.take(tree_id, Activity.REVIEW, tree_id, ben, NOW)
    assignment = Assignment(store)
    assignment.request(ben, TaskType.INITIAL_PROMPT, "en", NOW, Random(0))
    merge(store, ada, ben)
    for late in (
        lambda: store.review(lease.id, GOOD, ben, NOW),
        lambda: assignment.request(ben, LABEL, "en", NOW, Random(0)),
    ):
        with pytest.raises(ConflictError):
            late()
    with store.database.reading() as session:
        held = select(TreeTaskRow).where(TreeTaskRow.state == "open")
        assert session.scalars(held).all() == []


def test_who_cannot_be_merged_is_told_why(store: TreeStore, two: tuple[str, str]) -> None:
    ada, ben = two
    here = contributor(store.database, "person_1", client=CONSOLE, auth_method=PERSON)
    planted(store, "somebody of a file")
    with pytest.raises(InvalidInputError, match="signs in to the console"):
        merge(store, ada, here)
    with pytest.raises(InvalidInputError, match="only a name in a file"):
        merge(store, "somebody of a file", ada)
    merge(store, here, ben)
    with pytest.raises(ConflictError, match=here):
        merge(store, ben, ada)
    with pytest.raises(ConflictError, match=here):
        merge(store, ada, ben)
    erase(store, ada, "person_mod", NOW)
    with pytest.raises(ConflictError, match="erased"):
        merge(store, ada, "somebody of a file")
    with store.database.reading() as session:
        assert session.get_one(ContributorRow, here).merged_into is None


def test_two_merges_at_once_make_no_circle(store: TreeStore) -> None:
    for number in range(4):
        ada, ben = (contributor(store.database, f"{name}-{number}") for name in ("ada", "ben"))
        pairs = ((ada, ben), (ben, ada))
        ended = together([partial(merge, store, *pair) for pair in pairs])
        assert sum(isinstance(each, ConflictError) for each in ended) == 1
        winner = ben if isinstance(ended[0], ConflictError) else ada
        with store.database.reading() as session:
            led = {each: session.get_one(ContributorRow, each).merged_into for each in (ada, ben)}
        assert led[winner] is None and led[ben if winner == ada else ada] == winner
