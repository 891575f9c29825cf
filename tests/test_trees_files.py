"""Trees into files and back, overviews, rewards and reports: on both databases."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from growing import NOW, SMALL
from sqlalchemy import func, select
from tree_keeping import contributor, grown, planted, ranked

from ostraka.errors import InvalidInputError, NotFoundError
from ostraka.storage.database import Database
from ostraka.trees import flags, remarks
from ostraka.trees.background_tables import TreeRewardRow
from ostraka.trees.changing import Hand
from ostraka.trees.export import ExportOptions, LeftOut
from ostraka.trees.files import ExportFormat, ImportOptions, exported_lines, import_lines
from ostraka.trees.keyset import Stretch
from ostraka.trees.overview import (
    SUMMARIES,
    TreeFilter,
    counts_by_state,
    every_tree,
    list_trees,
    summary,
    system_counts,
)
from ostraka.trees.people import People
from ostraka.trees.rewards import attach, read_rewards, rewards_of
from ostraka.trees.single_acts import delete_message
from ostraka.trees.states import State
from ostraka.trees.store import TreeStore

WHOLE = ExportOptions(labels=True, events=True)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[TreeStore]:
    database = Database.at(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    yield TreeStore(database, SMALL)
    database.close()


def finished(store: TreeStore) -> tuple[str, list[str]]:
    people = [contributor(store.database, each) for each in "abcdef"]
    tree_id, replies = grown(store, people[0], people[1:3], people[3:])
    for who in people[3:]:
        ranked(store, tree_id, who, replies)
    return tree_id, replies


def lines_of(store: TreeStore, options: ExportOptions = WHOLE, **more: Any) -> list[str]:
    return list(exported_lines(store, ExportFormat.OASST, options, LeftOut(), **more))


def tree_line(name: str, **fields: Any) -> str:
    prompt = {"message_id": name, "text": "question", "role": "prompter"}
    answers = [
        {"message_id": f"{name}-{n}", "text": f"answer {n}", "role": "assistant"} for n in range(2)
    ]
    return json.dumps({"message_tree_id": name, "prompt": prompt | {"replies": answers} | fields})


def test_b19_a_file_comes_back_as_the_same_bytes(store: TreeStore, elsewhere: TreeStore) -> None:
    finished(store)
    lines = lines_of(store)
    kept = ImportOptions(keep_states=True, synthetic=False)
    done = import_lines(elsewhere, lines, kept, "local", NOW)
    assert (done.trees, done.messages) == (1, 3)
    assert lines_of(elsewhere) == lines
    again = import_lines(elsewhere, lines, kept, "local", NOW)
    assert (again.trees, again.skipped["there already"]) == (0, 1)


def test_an_import_says_what_it_does_with_each_tree(elsewhere: TreeStore) -> None:
    lines = [tree_line("one"), tree_line("two"), tree_line("three")]
    looked = import_lines(elsewhere, lines, ImportOptions(preview=True), "local", NOW)
    assert (looked.trees, list(every_tree(elsewhere))) == (3, [])
    options = ImportOptions(activate=1, limit=2, origin="file", model_name="gpt")
    done = import_lines(elsewhere, lines, options, "local", NOW)
    assert (done.trees, done.activated) == (2, 1)
    trees = {tree.id: tree for tree in every_tree(elsewhere)}
    assert [trees[name].state for name in ("one", "two")] == [State.RANKING, State.BACKLOG_RANKING]
    assert trees["one"].origin == "file" and trees["one"].root.model_name == "gpt"
    assert trees["one"].messages["one-0"].depth == 1
    taken = json.loads(tree_line("four"))
    taken["prompt"]["replies"][0]["message_id"] = "one-0"
    clash = import_lines(elsewhere, [json.dumps(taken)], ImportOptions(), "local", NOW)
    assert clash.trees == 0 and sum(clash.skipped.values()) == 1
    with pytest.raises(InvalidInputError, match="another id"):
        import_lines(elsewhere, [tree_line("x").replace('"x"', '"y"', 1)], options, "local", NOW)


def test_messages_alone_become_trees_again(store: TreeStore, elsewhere: TreeStore) -> None:
    finished(store)
    flat = lines_of(store, ExportOptions(synthetic="exclude", user=None, deleted="include"))
    alone = lines_of(store, ExportOptions(spam="include", states=None))
    assert len(flat) == len(alone) == 1
    messages = [
        json.dumps({name: value for name, value in each.items() if name != "replies"})
        for each in _flattened(json.loads(flat[0])["prompt"])
    ]
    done = import_lines(elsewhere, [messages[2], *messages[:2]], ImportOptions(), "local", NOW)
    assert (done.trees, done.messages) == (1, 3)
    orphan = import_lines(elsewhere, messages[2:], ImportOptions(), "local", NOW)
    assert orphan.skipped["messages without their prompt"] == 1


def _flattened(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [message, *(each for reply in message.get("replies", ()) for each in _flattened(reply))]


def test_formats_for_training_need_whole_trees(store: TreeStore) -> None:
    finished(store)
    for form in ExportFormat:
        assert list(exported_lines(store, form, ExportOptions(), LeftOut()))
    with pytest.raises(InvalidInputError, match="whole trees"):
        list(exported_lines(store, ExportFormat.DPO, ExportOptions(user="a"), LeftOut()))


def test_overviews_count_what_is_there(store: TreeStore) -> None:
    tree_id, replies = finished(store)
    waiting = planted(store, "somebody", "Is 100% of it true_ly so?", NOW + timedelta(hours=1))
    with store.database.reading() as session:
        newest, oldest = list_trees(session, TreeFilter(), 10)
        assert (newest.id, oldest.id, oldest.messages, oldest.depth) == (waiting, tree_id, 3, 1)
        assert oldest.completed == 1.0
        for wanted, found in (
            (TreeFilter(states=frozenset({State.READY_FOR_EXPORT})), [tree_id]),
            (TreeFilter(search="100%"), [waiting]),
            (TreeFilter(search="0_0"), []),
            (TreeFilter(author="somebody"), [waiting]),
            (TreeFilter(language="de"), []),
            (TreeFilter(origin="file"), []),
        ):
            assert [each.id for each in list_trees(session, wanted, 10)] == found
        assert [each.id for each in list_trees(session, TreeFilter(), 1)] == [waiting]
        assert counts_by_state(session)[State.READY_FOR_EXPORT] == 1
        assert {name: bool(summary(session, name)) for name in SUMMARIES} == dict.fromkeys(
            SUMMARIES, True
        )
        with pytest.raises(InvalidInputError):
            summary(session, "everything")
    delete_message(Hand(store, "mod", NOW), replies[0])
    with store.database.reading() as session:
        assert system_counts(session) == {
            "all": 4,
            "active": 3,
            "deleted": 1,
            "message_trees": 2,
        }


def test_rewards_are_kept_once_and_meant_over_follow_ups(store: TreeStore) -> None:
    answer = {"message_id": "a", "text": "answer", "role": "assistant"}
    follow_ups = [{"message_id": f"f{n}", "text": "thanks", "role": "prompter"} for n in range(2)]
    prompt = {"replies": [answer | {"replies": follow_ups}]}
    import_lines(store, [tree_line("t", **prompt)], ImportOptions(), "local", NOW)
    said = {"label": "SATISFIED", "confidence": 0.9, "model": "m", "document": "d"}
    rows = [
        said | {"id": "t:f0", "reward": 1.0, "should_update": True},
        said | {"id": "t:f1", "reward": 0.0, "should_update": True},
        said | {"id": "t:f1", "reward": -1.0, "should_update": False, "model": "unsure"},
        said | {"id": "t:t", "reward": -1.0, "should_update": True},
    ]
    judged = read_rewards(json.dumps(row) for row in rows)
    with store.database.writing() as session:
        done = attach(session, judged, NOW)
    assert (done.attached, sum(done.skipped.values())) == (3, 1)
    with store.database.writing() as session:
        assert attach(session, judged, NOW).known == 3
        assert session.scalar(select(func.count()).select_from(TreeRewardRow)) == 3
        assert rewards_of(session, ["a", "t"]) == {"a": 0.5}
        assert rewards_of(session, ["a"], "unsure") == {}


def test_a_person_of_a_file_is_purged_too(store: TreeStore) -> None:
    prompt = {"message_id": "t", "text": "question", "role": "prompter", "user_id": "someone"}
    line = json.dumps({"message_tree_id": "t", "prompt": prompt})
    import_lines(store, [line], ImportOptions(), "local", NOW)
    purged = People(Hand(store, "mod", NOW)).purge("someone")
    assert purged.as_dict()["messages_erased"] == 1
    assert store.read("t").root.author is None
    with pytest.raises(NotFoundError):
        People(Hand(store, "mod", NOW)).purge("someone")


def test_a_new_report_opens_a_flag_again(store: TreeStore) -> None:
    tree_id, replies = finished(store)
    for at, who in enumerate(("ann", "ben")):
        moment = NOW + timedelta(minutes=at)
        remarks.report(store, who, {"pii": 1.0}, "an address", moment, (tree_id, replies[0]))
        with store.database.reading() as session:
            (flag,) = flags.page_of_flags(session, Stretch(limit=10), processed=False).entries
        assert (flag.reports, flag.reported_at, flag.text) == (at + 1, moment, "reply 0")
        assert flags.process(store, replies[0], "mod", moment).processed_at == moment
        with store.database.reading() as session:
            assert flags.page_of_flags(session, Stretch(limit=10), processed=False).entries == []
    assert store.read(tree_id).messages[replies[0]].open_marks("red_flag") == 0
    with pytest.raises(NotFoundError):
        flags.process(store, tree_id, "mod", NOW)
