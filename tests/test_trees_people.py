"""Moderators and contributors: withdraw, reinstate, purge, merge; all shown before it is done."""

from datetime import timedelta

import pytest
from growing import BAD, GOOD, NOW
from sqlalchemy import select
from tree_keeping import behind, contributor, grown, planted, ranked, replied, reviewed, work_off

from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.review.tables import ItemRow
from ostraka.storage.audit import EntryFilter, list_entries
from ostraka.trees import acts, boards
from ostraka.trees.background_tables import TreeTallyRow
from ostraka.trees.changing import Hand
from ostraka.trees.contributions import tallies
from ostraka.trees.contributors import ERASED_NAME, ContributorStore
from ostraka.trees.overview import every_tree
from ostraka.trees.people import People, Span
from ostraka.trees.single_acts import (
    decide_message,
    delete_message,
    move_tree,
    resume_tree,
    undelete_message,
)
from ostraka.trees.states import Event, State
from ostraka.trees.statistics import Frame
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeEventRow
from ostraka.trees.tallying import differences, recount
from ostraka.trees.values import Activity, Mark, Review

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def people(store: TreeStore) -> list[str]:
    return [contributor(store.database, name) for name in ("ada", "ben", "cara", "x", "y", "z")]


def by(store: TreeStore, *, preview: bool = False) -> People:
    return People(Hand(store, "person_mod", LATER, preview))


def acts_in_log(store: TreeStore) -> list[str]:
    with store.database.reading() as session:
        return [each.act for each in reversed(list_entries(session, EntryFilter(), 100))]


def finished(store: TreeStore, people: list[str]) -> tuple[str, list[str]]:
    """A tree that is ready for export: ada's prompt, replies by ben and cara, three rankings."""
    ada, ben, cara, *reviewers = people
    tree_id, replies = grown(store, ada, (ben, cara), reviewers)
    for who in reviewers:
        ranked(store, tree_id, who, replies)
    assert store.read(tree_id).state is State.READY_FOR_EXPORT
    return tree_id, replies


def check_counts(store: TreeStore) -> None:
    """The boards agree with the trees' rows."""
    with store.database.reading() as session:
        assert differences(session, (tallies(tree, NOW) for tree in every_tree(store))) == {}


def test_b5_b15_withdrawing_somebodys_votes_opens_what_rested_on_them(
    store: TreeStore, people: list[str]
) -> None:
    tree_id, _replies = finished(store, people)
    who = people[3]
    shown = by(store, preview=True).withdraw(who)
    assert store.read(tree_id).state is State.READY_FOR_EXPORT, "a preview changes nothing"
    done = by(store).withdraw(who)
    assert done.trees == shown.trees
    assert done.as_dict() | {"done": False} == shown.as_dict()
    (change,) = done.trees
    assert (change.reviews, change.votes, change.after) == (3, 1, "growing")
    tree = store.read(tree_id)
    assert not any(
        review.contributor == who for m in tree.messages.values() for review in m.reviews
    )
    assert acts_in_log(store) == ["contributor.withdrawn"]
    check_counts(store)
    again = by(store).withdraw(who)
    assert again.trees == ()


def test_what_was_withdrawn_is_put_back_with_its_moment(
    store: TreeStore, people: list[str]
) -> None:
    tree_id, _replies = finished(store, people)
    before = store.read(tree_id)
    by(store).withdraw(people[3])
    done = by(store).reinstate(people[3])
    (change,) = done.trees
    assert (change.reviews, change.votes) == (-3, -1)
    after = store.read(tree_id)
    assert [_said(each.reviews) for each in after.messages.values()] == [
        _said(each.reviews) for each in before.messages.values()
    ]
    assert {vote.contributor for vote in after.votes} == set(people[3:])
    check_counts(store)
    assert by(store).reinstate(people[4]).trees == ()


def _said(reviews: tuple[Review, ...]) -> set[tuple[str, object]]:
    return {(each.contributor, each.given_at) for each in reviews}


def test_b13_a_purged_person_leaves_no_word_and_no_name(
    store: TreeStore, people: list[str]
) -> None:
    tree_id, replies = finished(store, people)
    ben = people[1]
    store.change(
        tree_id,
        lambda tree: acts.put_mark(tree, tree_id, Mark(ben, "+1")),
        ben,
        "marked",
        NOW,
    )
    other = planted(store, people[2], "another")
    task = store.take(other, Activity.REVIEW, other, ben, NOW)
    store.skip(task.id, ben, NOW, "I am Ben of 5 High Street")
    work_off(behind(store))
    shown = by(store, preview=True).purge(ben)
    done = by(store).purge(ben)
    assert done.trees == shown.trees and done.as_dict()["messages_erased"] == 1
    tree = store.read(tree_id)
    assert (tree.messages[replies[0]].text, tree.messages[replies[0]].author) == ("", None)
    assert tree.messages[replies[0]].deleted and tree.root.marks == frozenset()
    with store.database.reading() as session:
        row = session.get_one(ContributorRow, ben)
        assert row.display_name == ERASED_NAME and "ben" not in row.username
        assert row.erased_at == row.banned_at == LATER
        texts = session.scalars(select(ItemRow.text).where(ItemRow.thread_id == tree_id)).all()
        assert sorted(text is None for text in texts) == [False, False, True]
        log = session.scalars(select(TreeEventRow.detail)).all()
        assert not any("High Street" in str(detail) for detail in log)
    assert acts_in_log(store)[-1] == "contributor.erased"
    check_counts(store)
    with pytest.raises(NotFoundError):
        by(store).purge("contributor_nobody")


def test_purging_messages_keeps_the_person_and_may_keep_prompts(
    store: TreeStore, people: list[str]
) -> None:
    _ada, ben, _cara, *_reviewers = people
    tree_id, _replies = finished(store, people)
    other = planted(store, ben, "a prompt of ben's")
    kept = by(store).purge_messages(ben, Span(prompts=False))
    assert [each.tree_id for each in kept.trees] == [tree_id]
    assert store.read(other).root.text == "a prompt of ben's"
    assert by(store).purge_messages(ben, Span(since=LATER)).trees == ()
    by(store).purge_messages(ben, Span())
    assert store.read(other).state is State.HALTED_BY_MODERATOR
    with store.database.reading() as session:
        assert session.get_one(ContributorRow, ben).display_name == "Ben"
    check_counts(store)


def test_merged_accounts_are_one_person_who_did_nothing_twice(
    store: TreeStore, people: list[str]
) -> None:
    ada, ben, cara, x, y, z = people
    tree_id = planted(store, ada)
    reviewed(store, tree_id, (x, y, z))
    store.let_happen(tree_id, Event.DRAW, "system", NOW)
    reply = replied(store, tree_id, ben, "by ben")
    reviewed(store, reply, (cara, x), GOOD)
    for who in (ben, cara):
        store.change(
            tree_id,
            lambda tree, who=who: acts.put_mark(tree, tree_id, Mark(who, "+1")),
            who,
            "m",
            NOW,
        )
    (done,) = by(store).merge(cara, [ben])
    tree = store.read(tree_id)
    assert tree.messages[reply].author == cara
    assert [each.contributor for each in tree.messages[reply].reviews] == [x], (
        "nobody reviews theirs"
    )
    assert tree.root.marks == {Mark(cara, "+1")}
    assert done.as_dict()["messages_renamed"] == 1
    with store.database.reading() as session:
        assert session.get_one(ContributorRow, ben).merged_into == cara
    assert ContributorStore(store.database).lookup("key", "local", "ben", None, NOW).id == cara
    with store.database.reading() as session:
        assert boards.standing_of(session, cara, Frame.TOTAL, NOW).done.replies_assistant == 1
    check_counts(store)
    with pytest.raises(InvalidInputError):
        by(store).merge(cara, [cara])


def test_acts_on_trees_are_shown_first_audited_and_taken_back(
    store: TreeStore, people: list[str]
) -> None:
    tree_id, replies = finished(store, people)
    looking, acting = (Hand(store, "person_mod", LATER, preview) for preview in (True, False))
    for hand in (looking, acting):
        change = delete_message(hand, replies[0])
        assert (change.messages_deleted, change.after) == (1, "growing")
    assert undelete_message(acting, replies[0]).after == "ready_for_export"
    assert move_tree(acting, tree_id, Event.HALT).after == "halted_by_moderator"
    assert resume_tree(acting, tree_id).after == "ready_for_export"
    assert delete_message(acting, tree_id).after == "halted_by_moderator"
    assert undelete_message(acting, tree_id).after == "ready_for_export"
    with pytest.raises(NotFoundError):
        delete_message(acting, "message_nowhere")
    named = ["deleted", "undeleted", "halt", "resume", "deleted", "undeleted"]
    assert acts_in_log(store) == [f"tree.{name}" for name in named]


def test_a_rejected_prompt_is_opened_again_and_decided_by_a_moderator(
    store: TreeStore, people: list[str]
) -> None:
    tree_id = planted(store, people[0])
    reviewed(store, tree_id, people[3:], BAD)
    assert store.read(tree_id).state is State.ABORTED_LOW_GRADE
    acting = Hand(store, "person_mod", LATER)
    assert resume_tree(acting, tree_id).after == "initial_prompt_review"
    assert decide_message(acting, tree_id, accepted=True).after == "prompt_lottery_waiting"
    check_counts(store)


# Boards


def test_boards_count_what_stands_and_lose_what_is_taken_away(
    store: TreeStore, people: list[str]
) -> None:
    _ada, ben, cara, x, _y, _z = people
    _tree_id, replies = finished(store, people)
    with store.database.reading() as session:
        found = {each.contributor.id: each for each in boards.leaderboard(session, Frame.DAY, NOW)}
    assert found[ben].done.reply_ranked_1 == 3 and found[cara].done.reply_ranked_2 == 3
    assert found[ben].score == 4 + 4 + 3 * 9
    assert found[x].done.labels_simple == 3
    assert (found[x].done.rankings_total, found[x].done.rankings_good) == (1, 1)
    assert [found[each].rank for each in (ben, cara)] == [1, 2]
    delete_message(Hand(store, "mod", LATER), replies[0])
    with store.database.reading() as session:
        assert boards.standing_of(session, ben, Frame.TOTAL, NOW).done.replies_assistant == 0
        assert boards.leaderboard(session, Frame.DAY, NOW + timedelta(days=3)) == []
        assert boards.leaderboard(session, Frame.WEEK, NOW + timedelta(days=3)) != []
        assert boards.leaderboard(session, Frame.MONTH, NOW + timedelta(days=60)) == []
    check_counts(store)


def test_who_is_hidden_banned_or_erased_is_on_no_board_but_has_numbers(store: TreeStore) -> None:
    hidden = contributor(store.database, "hidden", shown=False)
    banned = contributor(store.database, "banned", banned_at=NOW)
    for who in (hidden, banned, "somebody of a file"):
        planted(store, who, f"by {who}")
    with store.database.reading() as session:
        assert boards.leaderboard(session, Frame.TOTAL, NOW) == []
        standing = boards.standing_of(session, hidden, Frame.TOTAL, NOW)
        assert (standing.rank, standing.done.prompts) == (None, 1)
        with pytest.raises(NotFoundError):
            boards.standing_of(session, "somebody of a file", Frame.TOTAL, NOW)


def test_b17_a_window_is_as_long_as_it_was_asked_for(store: TreeStore) -> None:
    people = [contributor(store.database, f"c{n}") for n in range(9)]
    for number, who in enumerate(people):
        for each in range(number + 1):
            planted(store, who, f"{who} {each}")
    with store.database.reading() as session:
        for size in (1, 4, 5):
            assert len(boards.around(session, people[4], Frame.TOTAL, NOW, size)) == size


def test_the_board_of_trouble_sums_what_others_said(store: TreeStore, people: list[str]) -> None:
    ada, _, _, *reviewers = people
    tree_id = planted(store, ada)
    reviewed(store, tree_id, reviewers, {"spam": 1.0, "pii": 0.6, "toxicity": 0.5})
    store.change(
        tree_id, lambda t: acts.put_mark(t, tree_id, Mark(people[1], "red_flag")), "b", "m", NOW
    )
    with store.database.reading() as session:
        (found,) = [
            each
            for each in boards.trollboard(session, Frame.TOTAL, NOW, enabled=True)
            if each.contributor.id == ada
        ]
        assert boards.trollboard(session, Frame.TOTAL, NOW, enabled=False) == []
    assert (found.received.red_flags, found.received.pii, found.received.spam_prompts) == (1, 3, 1)
    assert found.score == 3 + 3 + 1
    assert (found.means["toxicity"], found.means["humor"], found.spam) == (0.5, None, 3.0)


def test_counts_that_went_wrong_are_found_and_set_right(
    store: TreeStore, people: list[str]
) -> None:
    finished(store, people)
    with store.database.writing() as session:
        row = session.scalars(select(TreeTallyRow).where(TreeTallyRow.span == "total")).first()
        assert row is not None
        row.amount += 5
    with store.database.writing() as session:
        trees = [tallies(tree, NOW) for tree in every_tree(store)]
        assert len(differences(session, trees)) == 1
        recount(session, trees)
    check_counts(store)
