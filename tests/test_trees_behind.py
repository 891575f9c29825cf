"""Behind the trees: every message is judged, decisions come back, prompts are drawn."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from growing import NOW, SMALL, seedling
from hypothesis import given
from hypothesis import strategies as st
from reviewing import APPROVE, BAN, REMOVE, TERMS
from sqlalchemy import func, select
from tree_keeping import (
    behind,
    contributor,
    grown,
    planted,
    ranked,
    replied,
    review,
    reviewed,
    run_once,
    work_off,
)

from ostraka.errors import ConflictError, MissingScopeError
from ostraka.review.decisions import decide
from ostraka.review.followed import tell
from ostraka.review.queue import ReviewQueue
from ostraka.review.tables import AuthorRow, CaseRow, ItemRow, StrikeRow, VerdictRow
from ostraka.review.terms import Reviewer, Ruling
from ostraka.review.undoing import undo
from ostraka.trees import moderating
from ostraka.trees.background import look_after
from ostraka.trees.backlog import activate
from ostraka.trees.contributors import CONSOLE, refuse_banned
from ostraka.trees.export_schema import ExportedMessage, ExportedTree
from ostraka.trees.importing import imported_tree
from ostraka.trees.moderation import items_of
from ostraka.trees.near_duplicates import SIMILAR, bands, list_near_duplicates, pieces, similarity
from ostraka.trees.saving import save
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import ContributorRow, TreeEventRow
from ostraka.trees.values import Activity
from ostraka.work.leases import Leases
from ostraka.work.tables import WorkRow

ANNA = Reviewer("person_anna", "person", lead=True)


def count(store: TreeStore, table: Any, *where: Any) -> int:
    with store.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def item_of(store: TreeStore, tree_id: str, message_id: str) -> ItemRow:
    with store.database.reading() as session:
        return items_of(session, store.read(tree_id))[message_id]


def decided(store: TreeStore, item_id: str, ruling: Ruling) -> str:
    """What a person decides of the open case about an item."""
    database = store.database
    with database.reading() as session:
        case_id = session.scalars(
            select(CaseRow.id).where(CaseRow.item_id == item_id, CaseRow.state == "open")
        ).one()
    ReviewQueue(database, lambda: NOW).take(ANNA, case_id)
    with database.writing() as session:
        return decide(session, case_id, ANNA, ruling, TERMS, NOW).id


def test_every_message_is_judged_once_and_its_verdict_kept(store: TreeStore) -> None:
    ada = contributor(store.database, "ada")
    tree_id = planted(store, ada, "How do I grow tomatoes?")
    assert count(store, WorkRow, WorkRow.queue == "trees") == 1
    work_off(behind(store))
    item = item_of(store, tree_id, tree_id)
    assert (item.action, item.source, item.thread_id) == ("approve", "trees", tree_id)
    assert count(store, VerdictRow) == 1
    assert not store.read(tree_id).root.deleted


def test_r9_work_is_queued_with_the_act_or_not_at_all(store: TreeStore) -> None:
    with pytest.raises(RuntimeError), store.database.writing() as session:
        save(session, None, seedling("message_never", "ada", SMALL), SMALL, NOW)
        raise RuntimeError
    assert count(store, WorkRow) == 0


def test_work_that_runs_twice_takes_effect_once(store: TreeStore) -> None:
    ada = contributor(store.database, "ada")
    tree_id = planted(store, ada, "a rude prompt")
    work, leases = behind(store), Leases(store.database)
    (lease,) = leases.claim(["trees"], "dies", 30.0, 1)
    work.judge(lease, None)  # type: ignore[arg-type]  # it dies before its work is completed
    run_once(store.database, leases, lease, work.judge)
    work_off(work)
    assert count(store, ItemRow) == count(store, VerdictRow) == count(store, StrikeRow) == 1
    assert count(store, TreeEventRow, TreeEventRow.act == "removed") == 1
    assert store.read(tree_id).state is State.HALTED_BY_MODERATOR


def test_what_the_policy_removes_is_deleted_with_what_is_below(store: TreeStore) -> None:
    ada, ben = (contributor(store.database, name) for name in ("ada", "ben"))
    tree_id = planted(store, ada)
    reviewed(store, tree_id, "xyz")
    store.let_happen(tree_id, Event.DRAW, "system", NOW)
    reply = replied(store, tree_id, ben, "a rude reply")
    work_off(behind(store))
    tree = store.read(tree_id)
    assert tree.messages[reply].deleted and not tree.root.deleted
    assert tree.state is State.GROWING


def test_a_project_may_keep_the_policy_from_acting(store: TreeStore) -> None:
    store = TreeStore(store.database, SMALL.model_copy(update={"auto_mod_enabled": False}))
    tree_id = planted(store, contributor(store.database, "ada"), "a rude prompt")
    work_off(behind(store))
    assert not store.read(tree_id).root.deleted
    assert item_of(store, tree_id, tree_id).action == "remove"


def test_a_doubtful_message_is_decided_by_people_and_the_decision_comes_back(
    store: TreeStore,
) -> None:
    tree_id = planted(store, contributor(store.database, "ada"), "perhaps not so nice")
    work = behind(store)
    work_off(work)
    item = item_of(store, tree_id, tree_id)
    assert item.action == "escalate"
    assert store.read(tree_id).state is State.INITIAL_PROMPT_REVIEW

    decision = decided(store, item.id, REMOVE)
    work_off(work)
    assert store.read(tree_id).state is State.HALTED_BY_MODERATOR

    with store.database.writing() as session:
        undo(session, decision, ANNA, NOW, seconds=600.0)
    work_off(work)
    tree = store.read(tree_id)
    assert not tree.root.deleted
    assert tree.state is State.INITIAL_PROMPT_REVIEW

    decided(store, item.id, REMOVE)
    work_off(work)
    assert store.read(tree_id).root.deleted


def test_what_a_moderator_deleted_is_not_brought_back_by_an_approval(store: TreeStore) -> None:
    tree_id = planted(store, contributor(store.database, "ada"), "perhaps not so nice")
    work = behind(store)
    work_off(work)
    store.change(tree_id, lambda t: moderating.delete(t, tree_id), "moderator", "deleted", NOW)
    decided(store, item_of(store, tree_id, tree_id).id, APPROVE)
    work_off(work)
    assert store.read(tree_id).root.deleted


def test_a_ban_that_people_decide_keeps_the_author_out_until_it_ends(store: TreeStore) -> None:
    ada, work = contributor(store.database, "ada"), behind(store)
    others = planted(store, "somebody")
    own = planted(store, ada, "perhaps not so nice")
    work_off(work)
    held = store.take(others, Activity.REVIEW, others, ada, NOW)
    decided(store, item_of(store, own, own).id, BAN)
    with pytest.raises(MissingScopeError, match="before"):
        store.review(held.id, {"spam": 0.0}, ada, NOW)
    after = NOW + timedelta(days=30)
    another = planted(store, "else")
    later = store.take(another, Activity.REVIEW, another, ada, after)
    store.review(later.id, {"spam": 0.0}, ada, after)


def test_who_signs_in_to_the_console_does_not_decide_on_what_they_wrote(store: TreeStore) -> None:
    named = {"client": CONSOLE, "auth_method": "person"}
    own = contributor(store.database, ANNA.id, **named)
    tree_id = planted(store, own, "perhaps not so nice")
    work_off(behind(store))
    with pytest.raises(ConflictError):
        decided(store, item_of(store, tree_id, tree_id).id, APPROVE)
    with store.database.writing() as session:
        author = session.scalars(select(AuthorRow).where(AuthorRow.external_id == ANNA.id)).one()
        author.banned_permanently = True
    with pytest.raises(MissingScopeError), store.database.reading() as session:
        refuse_banned(session, own, NOW)


def test_an_edited_text_is_judged_anew_and_old_decisions_do_not_meet_it(store: TreeStore) -> None:
    tree_id = planted(store, contributor(store.database, "ada"), "perhaps not so nice")
    work = behind(store)
    work_off(work)
    old = item_of(store, tree_id, tree_id)
    store.let_happen(
        tree_id,
        Event.RECONSIDER,
        "moderator",
        NOW,
        act=lambda tree: moderating.edit(tree, tree_id, "a nice one"),
        name="edited",
    )
    work_off(work)
    new = item_of(store, tree_id, tree_id)
    assert new.id != old.id and new.action == "approve"
    decided(store, old.id, REMOVE)
    work_off(work)
    assert not store.read(tree_id).root.deleted


def test_items_that_only_say_they_are_of_trees_do_nothing(store: TreeStore) -> None:
    work = behind(store)
    with store.database.writing() as session:
        session.add(
            ItemRow(
                id="item_x",
                created_at=NOW,
                external_id="message_x:1",
                fingerprint="",
                text="text",
                thread_id="nowhere",
                source="trees",
                reach=0,
                details={},
                action="remove",
                violation="spam",
                verdict_id="verdict_x",
                reports=0,
            )
        )
        session.flush()
        tell(session, session.get_one(ItemRow, "item_x"))
    assert work_off(work) == 1


def test_accepted_prompts_are_drawn_by_themselves(store: TreeStore) -> None:
    store = TreeStore(store.database, SMALL.model_copy(update={"max_active_trees": 1}))
    work = behind(store)
    first, second = (planted(store, name) for name in ("ada", "ben"))
    for tree_id in (first, second):
        reviewed(store, tree_id, "xyz")
    assert store.read(first).state is State.PROMPT_LOTTERY_WAITING
    work_off(work)
    assert [store.read(t).state for t in (first, second)] == [
        State.GROWING,
        State.PROMPT_LOTTERY_WAITING,
    ]
    store.let_happen(first, Event.HALT, "moderator", NOW)
    work_off(work)
    assert store.read(second).state is State.GROWING


def parked(store: TreeStore, name: str, answers: int) -> str:
    replies = [
        ExportedMessage(message_id=f"{name}-{n}", text=f"answer {n}", role="assistant")
        for n in range(answers)
    ]
    prompt = ExportedMessage(message_id=name, text="question", role="prompter", replies=replies)
    tree = imported_tree(ExportedTree(message_tree_id=name, prompt=prompt), NOW)
    store.keep(tree, "local", NOW)
    return name


def test_parked_trees_come_in_when_others_end_and_only_once(store: TreeStore) -> None:
    store = TreeStore(store.database, SMALL.model_copy(update={"p_activate_backlog_tree": 1.0}))
    nothing, first, second = (
        parked(store, f"t{n}", answers) for n, answers in enumerate((1, 2, 2))
    )
    work = behind(store)
    work_off(work)
    tree_id = planted(store, "ada")
    store.let_happen(tree_id, Event.HALT, "moderator", NOW)
    leases = Leases(store.database)
    moved = [
        lease for lease in leases.claim(["trees"], "w", 30.0, 10) if lease.kind == "tree_moved"
    ]
    assert len(moved) == 1
    run_once(store.database, leases, moved[0], work.move_on)
    assert store.read(nothing).state is State.ABORTED_LOW_GRADE
    assert store.read(first).state is State.RANKING
    assert store.read(second).state is State.BACKLOG_RANKING


def test_parked_trees_come_in_for_want_of_rankings(store: TreeStore) -> None:
    update = {"p_activate_backlog_tree": 0.0, "min_active_rankings_per_lang": 2}
    store = TreeStore(store.database, SMALL.model_copy(update=update))
    for n in range(4):
        parked(store, f"t{n}", 2)
    active = [activate(store, "en", NOW, Random(0)) for _ in range(4)]
    assert [len(each) for each in active] == [1, 1, 0, 0]


def test_whoever_looks_after_trees_takes_back_leases(store: TreeStore) -> None:
    tree_id = planted(store, "ada")
    store.take(tree_id, Activity.REVIEW, tree_id, "ben", NOW)
    look_after(store, NOW)
    assert len(store.read(tree_id).leases) == 1
    look_after(store, NOW + timedelta(days=3))
    assert store.read(tree_id).leases == ()


def test_imported_messages_are_judged_behind_all_others(store: TreeStore) -> None:
    parked(store, "imported", 2)
    tree_id = planted(store, "ada")
    (lease, *_) = Leases(store.database).claim(["trees"], "w", 30.0, 1)
    assert lease.payload["tree_id"] == tree_id
    with store.database.reading() as session:
        (work,) = session.scalars(select(WorkRow).where(WorkRow.priority < 0))
        assert len(work.payload["message_ids"]) == 3


# Near-duplicates


def test_prompts_that_say_nearly_the_same_are_pointed_out(store: TreeStore) -> None:
    texts = {
        "old": "Can you explain how a combustion engine works, step by step?",
        "new": "can you explain, how a combustion engine works step by step",
        "other": "Write me a poem about the sea in the style of a sailor.",
    }
    ids = {}
    for number, (name, text) in enumerate(texts.items()):
        ids[name] = planted(store, name, text, NOW + timedelta(minutes=number))
    work = behind(store)
    work_off(work)
    with store.database.reading() as session:
        (found,) = list_near_duplicates(session, 10)
    assert (found.message_id, found.of_message_id) == (ids["new"], ids["old"])
    assert found.similarity > SIMILAR


@given(st.text(max_size=200))
def test_the_same_text_has_the_same_bands_and_all_in_common(text: str) -> None:
    assert bands(text) == bands(text.upper().lower() if text.isascii() else text)
    assert similarity(pieces(text), pieces(text)) == 1.0
    assert all(-(2**63) <= band < 2**63 for band in bands(text))


# Streaks


def test_a_streak_goes_on_with_each_contribution_and_ends_after_a_pause(store: TreeStore) -> None:
    ada, ben = (contributor(store.database, name) for name in ("ada", "ben"))
    tree_id = planted(store, ada)
    moments = [NOW, NOW + timedelta(hours=30), NOW + timedelta(hours=100)]
    began = []
    for number, at in enumerate(moments):
        other = planted(store, f"author {number}", f"prompt {number}", at)
        review(store, other, ben, {"spam": 0.0}, at)
        with store.database.reading() as session:
            began.append(session.get_one(ContributorRow, ben).streak_began)
    assert began == [NOW, NOW, moments[2]]
    with store.database.reading() as session:
        assert session.get_one(ContributorRow, ada).last_active_at == NOW
    assert store.read(tree_id).root.author == ada


def test_ranking_counts_as_activity(store: TreeStore) -> None:
    people = [contributor(store.database, name) for name in "abcdefg"]
    tree_id, replies = grown(store, people[0], people[1:3], people[3:6])
    ranked(store, tree_id, people[6], replies, NOW + timedelta(hours=1))
    with store.database.reading() as session:
        assert session.get_one(ContributorRow, people[6]).last_active_at == NOW + timedelta(hours=1)
