"""Conversations of every format, cut into turns; rows that hold none, named by their number."""

import io
import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostraka.errors import DataError, InvalidInputError
from ostraka.judge.turns import BadRow, ConversationFormat, Role, Said, Turn, cut, read_turns

CHAT = [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four")]


def texts(turns: list[Turn]) -> list[tuple[str, str, str]]:
    return [(turn.question, turn.answer, turn.follow_up) for turn in turns]


def read(content: str | bytes, form: ConversationFormat | None = None) -> list[Turn | BadRow]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_turns(io.BytesIO(raw), form))


def openai(*messages: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in messages], **more}


def sharegpt(*messages: tuple[str, Any]) -> dict[str, Any]:
    return {"conversations": [{"from": role, "value": text} for role, text in messages]}


# OpenAI chats


def test_openai_chat() -> None:
    turns = cut(openai(("system", "be kind"), *CHAT, ("user", "five"), id="c7"))
    assert texts(turns) == [("one", "two", "three"), ("three", "four", "five")]
    assert [turn.id for turn in turns] == ["c7:0", "c7:1"]
    assert turns[0].history == ()
    assert turns[1].history == (Said(Role.USER, "one"), Said(Role.ASSISTANT, "two"))


def test_last_answer_has_no_follow_up() -> None:
    assert texts(cut(openai(*CHAT))) == [("one", "two", "three")]
    assert cut(openai(*CHAT[:2])) == []
    assert cut(openai()) == []


def test_what_one_speaker_says_in_a_row_is_one_text() -> None:
    turns = cut(openai(("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")))
    assert texts(turns) == [("a\n\nb", "c", "d")]


def test_tools_belong_to_no_turn() -> None:
    chat = {
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": '{"rain": true}', "tool_call_id": "1"},
            {"role": "assistant", "content": "It rains."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Thanks"}, {"type": "image_url"}],
            },
        ]
    }
    assert texts(cut(chat)) == [("weather?", "It rains.", "Thanks")]


def test_blank_messages_are_none() -> None:
    assert cut(openai(("user", "a"), ("assistant", " \n"), ("user", "b"))) == []


def test_assistant_may_begin() -> None:
    turns = cut(openai(("assistant", "hello"), ("user", "a"), ("assistant", "b"), ("user", "c")))
    assert texts(turns) == [("a", "b", "c")]
    assert turns[0].history == (Said(Role.ASSISTANT, "hello"),)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text(max_size=3))))
def test_every_turn_is_in_the_conversation(messages) -> None:
    try:
        turns = cut(openai(*messages))
    except InvalidInputError:
        assert any("\ud800" <= character <= "\udfff" for _, text in messages for character in text)
        return
    users = "\n\n".join(text for role, text in messages if role == "user")
    for turn in turns:
        assert turn.question.strip() and turn.answer.strip() and turn.follow_up.strip()
        assert turn.question.split("\n\n")[0] in users
    for before, after in pairwise(turns):
        assert before.follow_up == after.question


# ShareGPT


def test_sharegpt() -> None:
    turns = cut(sharegpt(("system", "x"), ("human", "a"), ("gpt", "b"), ("human", "c")))
    assert texts(turns) == [("a", "b", "c")]
    assert turns[0].id == "1:0"
    assert texts(cut(sharegpt(("User", "a"), ("ChatGPT", "b"), ("User", "c")))) == [("a", "b", "c")]


def test_file_that_is_one_array(tmp_path) -> None:
    rows = [sharegpt(("human", "é" * n), ("gpt", "b" * n), ("human", "c")) for n in (1, 9, 200_000)]
    found = read(json.dumps(rows, ensure_ascii=False, indent=1))
    assert [len(turn.question) for turn in found] == [1, 9, 200_000]
    assert [turn.id for turn in found] == ["1:0", "2:0", "3:0"]
    assert read("[]") == []


@pytest.mark.parametrize("content", ['[{"a": 1}', '[{"a": 1}, {"b', '[{"a": 1}, nonsense]', "["])
def test_arrays_that_break_off(content: str) -> None:
    with pytest.raises(DataError, match="breaks off or is no JSON in row"):
        read(content)


# Trees


def message(role: str, text: str, *replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    identity = {"message_id": f"m-{text}", "role": role, "text": text}
    return identity | {"replies": list(replies), **more}


TREE = {
    "message_tree_id": "t1",
    "prompt": message(
        "prompter",
        "q",
        message("assistant", "a1", message("prompter", "f1"), message("prompter", "f2")),
        message("assistant", "a2", message("prompter", "f3", message("assistant", "a3")), rank=1),
        message("assistant", "gone", message("prompter", "f4"), deleted=True),
    ),
}


def test_every_follow_up_of_a_tree_is_a_turn() -> None:
    turns = cut(TREE)
    assert texts(turns) == [("q", "a1", "f1"), ("q", "a1", "f2"), ("q", "a2", "f3")]
    assert [turn.id for turn in turns] == ["t1:m-f1", "t1:m-f2", "t1:m-f3"]


def test_deeper_turns_of_a_tree_have_a_history() -> None:
    deep = message("prompter", "q", message("assistant", "a", message("prompter", "f")))
    deep["replies"][0]["replies"][0]["replies"] = [
        message("assistant", "a2", message("prompter", "f2"))
    ]
    turns = cut({"message_tree_id": "t", "prompt": deep})
    assert texts(turns)[1] == ("f", "a2", "f2")
    assert [said.text for said in turns[1].history] == ["q", "a"]


# Turns as they are


def test_plain_rows() -> None:
    rows = [
        {"question": "a", "answer": "b", "follow_up": "c"},
        {"question": "a", "answer": "b", "follow_up": "c", "id": 0},
        {"question": "a", "answer": "b", "follow_up": "c", "history": []},
    ]
    found = read("\n".join(map(json.dumps, rows)))
    assert [turn.id for turn in found] == ["1", "0", "3"]


def test_formats_may_be_mixed() -> None:
    rows = [openai(*CHAT), TREE, {"question": "a", "answer": "b", "follow_up": "c"}]
    assert len(read("\n".join(map(json.dumps, rows)))) == 5


# Rows that hold none


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{nonsense", "is no JSON: Expecting property name"),
        ("[1]x", None),
        ("3", "is a int and no object"),
        ("{}", "has none of the keys"),
        ('{"message_id": "1", "text": "a"}', "take the file of whole trees"),
        ('{"question": "a", "answer": "b"}', "'follow_up' is missing"),
        ('{"question": "a", "answer": 3, "follow_up": "c"}', "'answer' is a int and no text"),
        ('{"question": "a", "answer": " ", "follow_up": "c"}', "'answer' is blank"),
        ('{"messages": {}}', "'messages' is no list"),
        ('{"messages": [3]}', r"'messages\[0\]' is no object"),
        ('{"messages": [{"role": "boss"}]}', r"'messages\[0\].role' is \"boss\"; one of user"),
        ('{"messages": [{"role": "user", "content": 3}]}', r"'messages\[0\].content' is neither"),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "without a text"),
        ('{"conversations": [{"value": "x"}]}', r"'conversations\[0\].from' is missing"),
        ('{"message_tree_id": "t"}', "'prompt' is missing"),
        ('{"message_tree_id": "t", "prompt": {"role": "prompter"}}', "has no 'text'"),
        ('{"question": "\\ud800", "answer": "b", "follow_up": "c"}', "'question' is not valid"),
        (b'{"question": "\xff", "answer": "b", "follow_up": "c"}', "'question' is not valid UTF-8"),
        ("[" * 100_000, None),
        ('{"messages": ' + "[" * 100_000, "is nested too deeply|is no JSON"),
    ],
)
def test_bad_rows_are_named(row: str | bytes, problem: str | None) -> None:
    good = json.dumps({"question": "a", "answer": "b", "follow_up": "c"}).encode()
    bad = row.encode() if isinstance(row, str) else row
    if problem is None:
        assert isinstance(read(good + b"\n" + bad)[1], BadRow)
        return
    found = read(good + b"\n" + bad + b"\n\n" + good)
    assert [type(each) for each in found] == [Turn, BadRow, Turn]
    assert found[1].number == 2
    assert re.search(problem, found[1].problem), found[1].problem


def test_told_format_is_held_to() -> None:
    (bad,) = read(json.dumps(openai(*CHAT)), ConversationFormat.SHAREGPT)
    assert bad == BadRow(1, "'conversations' is missing")


def test_byte_order_mark_and_blank_lines() -> None:
    row = json.dumps({"question": "a", "answer": "b", "follow_up": "c"})
    assert [turn.id for turn in read(f"\ufeff{row}\r\n\r\n{row}")] == ["1", "3"]


@pytest.mark.parametrize("form", ["lines", "array"])
def test_memory_does_not_grow_with_the_file(form: str) -> None:
    row = json.dumps({"question": "a" * 2000, "answer": "b", "follow_up": "c"})

    class Endless(io.RawIOBase):
        """A file of a gigabyte that is never in memory; `read` counts what is asked of it."""

        asked = 0

        def read(self, size: int = -1) -> bytes:
            self.asked += 1
            start = b"[" if form == "array" and self.asked == 1 else b""
            return start + (row + (",\n" if form == "array" else "\n")).encode() * 30

    lines = Endless()
    turns = read_turns(lines)
    for _ in range(300):
        next(turns)
    assert lines.asked <= 11
