"""`ostraka trees …`, as the real command."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from growing import NOW, SMALL
from running import ostraka
from tree_keeping import contributor, grown, planted, ranked

from ostraka.storage.database import Database
from ostraka.trees import remarks
from ostraka.trees.configuration import parse_configuration
from ostraka.trees.editing import revisions
from ostraka.trees.states import State
from ostraka.trees.store import TreeStore
from ostraka.trees.values import RED_FLAG, Activity

Grown = tuple[Path, TreeStore, str, list[str], list[str]]


@pytest.fixture
def there(tmp_path: Path) -> Any:
    """A folder with a finished tree in its database, and who made it."""
    database = Database.at(f"sqlite:///{tmp_path / '.ostraka' / 'ostraka.db'}")
    store = TreeStore(database, SMALL)
    people = [contributor(database, name) for name in ("ada", "ben", "cara", "x", "y", "z")]
    tree_id, replies = grown(store, people[0], people[1:3], people[3:])
    for who in people[3:]:
        ranked(store, tree_id, who, replies)
    yield tmp_path, store, tree_id, replies, people
    database.close()


def answer(folder: Path, *arguments: str, **variables: str) -> Any:
    done = ostraka(folder, "trees", *arguments, "--json", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_trees_are_listed_shown_and_counted(there: Grown) -> None:
    folder, _, tree_id, replies, people = there
    (card,) = answer(folder, "list", "--state", "ready_for_export", "--search", "prompt")
    assert (card["id"], card["messages"]) == (tree_id, 3)
    shown = ostraka(folder, "trees", "show", replies[0], "--log")
    assert "a prompt" in shown.stdout and "rank 0" in shown.stdout and "planted" in shown.stdout
    assert people[0] in shown.stdout, "nothing is cut off"
    listed = ostraka(folder, "trees", "contributors", COLUMNS="60", TTY_COMPATIBLE="1")
    assert all(each in listed.stdout for each in people)
    assert "erased" not in listed.stdout, "columns without anything are left out"
    found = answer(folder, "show", tree_id)
    assert {each["message_id"] for each in found["messages"]} == {tree_id, *replies}
    assert answer(folder, "stats")["message_trees"] == 1
    assert answer(folder, "stats", "human_messages_by_role") == {"assistant": 2, "prompter": 1}
    missing = ostraka(folder, "trees", "show", "nowhere")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("Error: ")


def test_what_is_exported_comes_back_the_same(there: Grown, tmp_path: Path) -> None:
    folder, *_ = there
    done = ostraka(folder, "trees", "export", "all.jsonl.gz", "--labels", "--events")
    assert (done.returncode, "1 lines written" in done.stderr) == (0, True)
    other = tmp_path / "other"
    other.mkdir()
    came = answer(other, "import", str(folder / "all.jsonl.gz"), "--keep-states", "--human")
    assert (came["trees"], came["messages"]) == (1, 3)
    again = answer(other, "import", str(folder / "all.jsonl.gz"), "--keep-states", "--human")
    assert (again["trees"], again["skipped"]) == (0, {"there already": 1})
    back = ostraka(other, "trees", "export", "--labels", "--events")
    assert back.stdout == gzip.decompress((folder / "all.jsonl.gz").read_bytes()).decode()


@pytest.mark.parametrize(
    ("form", "columns", "rows"),
    [
        ("sft", {"messages"}, 2),
        ("dpo", {"prompt", "chosen", "rejected", "agreement"}, 1),
        ("kto", {"prompt", "completion", "label"}, 2),
        ("reward", {"chosen", "rejected", "margin"}, 1),
    ],
)
def test_training_formats(there: Grown, form: str, columns: set[str], rows: int) -> None:
    folder, *_ = there
    done = ostraka(folder, "trees", "export", "--format", form)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == rows
    assert columns <= found[0].keys()


def test_refusals_of_export_and_import_name_what_is_wrong(there: Grown) -> None:
    folder, *_ = there
    partial = ostraka(folder, "trees", "export", "--format", "dpo", "--spam", "only")
    assert (partial.returncode, "whole trees" in partial.stderr) == (2, True)
    state = ostraka(folder, "trees", "export", "--state", "grown")
    assert (state.returncode, "ready_for_export" in state.stderr) == (2, True)
    (folder / "bad.jsonl").write_text('{"message_tree_id": "t"}\n')
    bad = ostraka(folder, "trees", "import", "bad.jsonl")
    assert (bad.returncode, "line 1, prompt" in bad.stderr) == (2, True)
    nothing = ostraka(folder, "trees", "import", "nothing.jsonl")
    assert (nothing.returncode, "cannot be read" in nothing.stderr) == (1, True)


def test_moderators_acts(there: Grown) -> None:
    folder, store, tree_id, replies, _ = there
    assert answer(folder, "delete", replies[0], "--preview")["messages_deleted"] == 1
    assert answer(folder, "delete", replies[0])["messages_deleted"] == 1
    assert store.read(tree_id).messages[replies[0]].deleted
    assert answer(folder, "undelete", replies[0])["after"] == "ready_for_export"
    assert answer(folder, "halt", tree_id)["after"] == "halted_by_moderator"
    assert answer(folder, "resume", tree_id)["after"] == "ready_for_export"
    assert "No tree has failed" in ostraka(folder, "trees", "retry-scoring").stdout
    waiting = planted(store, "somebody")
    accepted = answer(folder, "decide", waiting, "--accept")
    assert accepted["after"] == State.PROMPT_LOTTERY_WAITING
    assert answer(folder, "draw", waiting)["after"] == State.GROWING
    refused = ostraka(folder, "trees", "activate", waiting)
    assert (refused.returncode, "growing" in refused.stderr) == (2, True)


def test_a_text_is_put_right_and_reviewed_anew(there: Grown) -> None:
    folder, store, tree_id, replies, _ = there
    anew = State.GROWING
    assert answer(folder, "edit", replies[0], "another text", "--preview")["after"] == anew
    assert store.read(tree_id).state is State.READY_FOR_EXPORT
    done = ostraka(folder, "trees", "edit", replies[0], "-", stdin="another text\n")
    assert (done.returncode, str(anew) in done.stdout) == (0, True)
    assert store.read(tree_id).messages[replies[0]].text == "another text"
    with store.database.reading() as session:
        texts = [each.text for each in revisions(session, replies[0])]
    assert texts == ["reply 0", "another text"]
    empty = ostraka(folder, "trees", "edit", replies[0], " ")
    assert (empty.returncode, "is empty" in empty.stderr) == (2, True)


def test_reported_messages_are_listed_until_somebody_lets_them_stay(there: Grown) -> None:
    folder, store, tree_id, replies, people = there
    assert "No reported message" in ostraka(folder, "trees", "flagged").stdout
    remarks.report(store, people[3], {"spam": 1.0}, "rude", NOW, (tree_id, replies[0]))
    (flag,) = answer(folder, "flagged")
    assert (flag["message_id"], flag["reports"]) == (replies[0], 1)
    answer(folder, "forgive", replies[0], "--preview")
    assert len(answer(folder, "flagged")) == 1
    answer(folder, "forgive", replies[0])
    assert answer(folder, "flagged") == []
    assert answer(folder, "flagged", "--all")[0]["processed_at"] is not None
    assert store.read(tree_id).messages[replies[0]].forgiven[RED_FLAG] == 1


def test_people_are_withdrawn_merged_and_purged(there: Grown) -> None:
    folder, store, tree_id, _, people = there
    shown = answer(folder, "withdraw", people[3], "--preview")
    assert (shown["done"], shown["reviews"], shown["votes"]) == (False, 3, 1)
    assert store.read(tree_id).state is State.READY_FOR_EXPORT
    assert answer(folder, "withdraw", people[3])["moved"] == 1
    assert answer(folder, "reinstate", people[3])["votes"] == -1
    asked = ostraka(folder, "trees", "purge", people[1], stdin="n\n")
    assert asked.returncode == 130
    assert answer(folder, "purge", people[1], "--yes")["messages_erased"] == 1
    assert answer(folder, "merge", people[2], people[4], "--yes")[0]["act"] == "merged"
    listed = answer(folder, "contributors", "--search", "ca")
    assert [each["id"] for each in listed] == [people[2]]
    assert [each["id"] for each in answer(folder, "contributors", "--banned")] == [people[1]]
    assert ostraka(folder, "trees", "recount", "--preview").returncode == 0


def test_a_contributor_is_banned_and_let_in_again(there: Grown) -> None:
    folder, store, _, _, people = there
    tree_id = planted(store, "somebody")
    store.take(tree_id, Activity.REVIEW, tree_id, people[3], datetime.now(UTC))
    assert answer(folder, "ban", people[3], "--notes", "sends advertisements")["banned_at"]
    assert store.read(tree_id).leases == ()
    assert [each["id"] for each in answer(folder, "contributors", "--banned")] == [people[3]]
    assert "may contribute" in ostraka(folder, "trees", "unban", people[3]).stdout
    assert answer(folder, "contributors", "--banned") == []
    nobody = ostraka(folder, "trees", "ban", "contributor_nobody")
    assert (nobody.returncode, "no such contributor" in nobody.stderr) == (2, True)


def test_boards_and_agreement(there: Grown) -> None:
    folder, *_, people = there
    lines = answer(folder, "leaderboard", "total")
    assert [each["contributor"] for each in lines[:2]] == people[1:3]
    assert ostraka(folder, "trees", "leaderboard", "total").stdout.count("Ben") == 1
    assert answer(folder, "leaderboard", "total", "--trouble")[0]["red_flags"] == 0
    agreed = answer(folder, "agreement")
    assert all(each["stood_with_consensus"] == 1.0 for each in agreed)
    assert answer(folder, "recount", "--preview") == []
    assert "There are none" in ostraka(folder, "trees", "duplicates").stdout


def test_configuration_is_checked_as_a_whole_and_used(there: Grown) -> None:
    folder, *_ = there
    (folder / "bad.toml").write_text("goal_tree_size = 4000\np_lonely_child_extension = 2.0\n")
    bad = ostraka(folder, "trees", "config", "check", "bad.toml")
    assert bad.returncode == 1
    assert "line 1" in bad.stderr and "line 2" in bad.stderr
    (folder / "good.toml").write_text("max_active_trees = 3\n")
    assert ostraka(folder, "trees", "config", "check", "good.toml").returncode == 0
    chosen = {"OSTRAKA_TREES_CONFIGURATION": "good.toml"}
    assert answer(folder, "config", "show", **chosen)["max_active_trees"] == 3
    shown = ostraka(folder, "trees", "config", "show", **chosen).stdout
    assert parse_configuration(shown) == parse_configuration("max_active_trees = 3")
    chosen = {"OSTRAKA_TREES_CONFIGURATION": "bad.toml"}
    refused = ostraka(folder, "trees", "stats", **chosen)
    assert (refused.returncode, "goal_tree_size" in refused.stderr) == (1, True)
    for name in ("bad.toml", "nowhere.toml"):
        chosen = {"OSTRAKA_TREES_CONFIGURATION": name, "OSTRAKA_PORT": "1"}
        server = ostraka(folder, "serve", **chosen)
        assert (server.returncode, f"{name} cannot be used" in server.stderr) == (1, True)


def test_rewards_come_back_to_replies_and_are_held_against_ranks(there: Grown) -> None:
    folder, _store, _tree_id, *_ = there
    replies = {"role": "prompter", "text": "thanks"}
    tree = {
        "message_tree_id": "t",
        "tree_state": "ready_for_export",
        "prompt": {
            "message_id": "t",
            "text": "question",
            "role": "prompter",
            "replies": [
                {
                    "message_id": f"a{rank}",
                    "text": f"answer {rank}",
                    "role": "assistant",
                    "rank": rank,
                    "replies": [{"message_id": f"f{rank}", **replies}],
                }
                for rank in range(3)
            ],
        },
    }
    (folder / "t.jsonl").write_text(json.dumps(tree) + "\n")
    assert answer(folder, "import", "t.jsonl", "--keep-states")["trees"] == 1
    judged = [
        {"id": f"t:f{rank}", "label": "SATISFIED", "confidence": 0.9, "should_update": True,
         "reward": reward, "outcome": "judged", "model": "m", "document": "d"}
        for rank, reward in enumerate((1.0, -1.0, 0.5))
    ]  # fmt: skip
    judged.append(judged[0] | {"id": "t:nowhere"})
    judged.append(judged[0] | {"outcome": "request_failed"})
    (folder / "r.jsonl").write_text("".join(json.dumps(each) + "\n" for each in judged))
    came = answer(folder, "rewards", "attach", "r.jsonl")
    assert came["attached"] == 3 and sum(came["skipped"].values()) == 2
    assert answer(folder, "rewards", "attach", "r.jsonl")["known"] == 3
    found = answer(folder, "rewards", "compare")
    assert (found["replies"], found["pairs"], found["agreed"]) == (3, 3, 2)
    assert found["mean_reward_by_rank"] == {"0": 1.0, "1": -1.0, "2": 0.5}
    assert "66.7%" in ostraka(folder, "trees", "rewards", "compare").stdout
