"""Answers that come token by token: the same answers, and faults that are seen in their middle."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostraka.errors import (
    JudgeAnswerError,
    JudgeError,
    JudgeTimeoutError,
    JudgeUnavailableError,
)
from ostraka.judge.client import Answer, ClientOptions, JudgeClient, Message, Prompt
from ostraka.judge.streaming import StreamedCompletion
from ostraka.judge.synchronous import run
from ostraka.testing.openai_server import ScriptedServer, scripted_server

SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["good_one", "bad_one"]}, "why": {"type": "string"}},
    "required": ["label", "why"],
}
WHOLE = ClientOptions(first_delay=0.05, attempts=2, request_seconds=30)
STREAMED = replace(WHOLE, stream=True, idle_seconds=0.5)


@pytest.fixture(scope="module")
def judge() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def prompt(text: str = "Hello?", **others: Any) -> Prompt:
    given: dict[str, Any] = {"schema": SCHEMA, "version": "1", "label_field": "label"} | others
    return Prompt((Message("user", text),), **given)


def client(judge: ScriptedServer, options: ClientOptions = STREAMED) -> JudgeClient:
    return JudgeClient(judge.base_url, model="scripted", options=options)


def told(answer: Answer) -> dict[str, Any]:
    shown = {name: getattr(answer, name) for name in ("value", "confidence", "probabilities")}
    return shown | {"usage": answer.usage, "source": answer.confidence_source, "raw": answer.raw}


@pytest.mark.parametrize("logprobs", ["yes", "no"])
def test_a_streamed_answer_is_the_same(judge: ScriptedServer, logprobs: str) -> None:
    judge.play({"logprobs": logprobs, "default": {"set": {"why": "é😀 \n ok"}, "probability": 0.8}})
    whole = client(judge, WHOLE).ask_sync(prompt())
    assert "stream" not in judge.state()["last"]
    streamed = client(judge).ask_sync(prompt())
    sent = judge.state()["last"]
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})
    assert told(streamed) == told(whole)
    assert streamed.usage.completion_tokens > 0


@pytest.mark.parametrize("support", ["no", "ignored"])
def test_servers_that_cannot_stream_answer_whole(judge: ScriptedServer, support: str) -> None:
    judge.play({"stream": support})
    asker = client(judge)
    assert asker.ask_sync(prompt()).value["label"] == "good_one"
    assert ("stream" in judge.state()["last"]) == (support == "ignored")
    assert asker.learnt is not None
    assert asker.learnt.logprobs


def test_one_word_is_not_streamed(judge: ScriptedServer) -> None:
    judge.play({"default": {"content": "yes"}})
    asked = prompt(schema=None, label_field=None, choices=("yes", "no"))
    assert client(judge).ask_sync(asked).value["choice"] == "yes"
    assert "stream" not in judge.state()["last"]


def test_a_slow_drip_is_noticed_between_two_pieces(judge: ScriptedServer) -> None:
    judge.play({"default": {"do": "stall", "seconds": 20}})
    started = time.monotonic()
    with pytest.raises(JudgeTimeoutError, match=r"silent for 0\.5 s"):
        client(judge).ask_sync(prompt())
    assert time.monotonic() - started < 10  # the whole answer might take 30
    judge.play({"steps": [{"do": "stall", "seconds": 20}]})
    asker = client(judge)
    assert asker.ask_sync(prompt()).value  # the second attempt
    assert asker.meter.retries == {"timeout": 1}


def test_a_drip_without_long_silences_is_waited_for(judge: ScriptedServer) -> None:
    judge.play({"default": {"do": "drip", "seconds": 2}})
    assert client(judge).ask_sync(prompt("slow")).value["label"] == "good_one"
    options = replace(STREAMED, request_seconds=0.7, attempts=1)
    with pytest.raises(JudgeTimeoutError, match=r"0\.7 s"):  # but not for ever
        client(judge, options).ask_sync(prompt("slow"))


def test_the_first_token_may_take_as_long_as_the_whole(judge: ScriptedServer) -> None:
    judge.play({"default": {"seconds": 1.2}})
    assert client(judge).ask_sync(prompt("queued")).value


@pytest.mark.parametrize("options", [WHOLE, STREAMED], ids=["whole", "streamed"])
@pytest.mark.parametrize("do", ["reset_midway", "truncated_json"])
def test_an_answer_that_breaks_off_is_none(
    judge: ScriptedServer, do: str, options: ClientOptions
) -> None:
    judge.play({"steps": [{"do": do}]})
    assert client(judge, options).ask_sync(prompt(do)).attempts <= 2
    judge.play({"default": {"do": do}})
    with pytest.raises(JudgeError) as caught:
        client(judge, options).ask_sync(prompt(do))
    streamed = options.stream or do == "reset_midway"
    assert isinstance(caught.value, JudgeUnavailableError if streamed else JudgeAnswerError)


@pytest.mark.parametrize(
    ("do", "kind"),
    [("cut", "cut"), ("refusal", "refusal"), ("empty", "empty"), ("empty_choices", "empty")],
)
def test_faults_of_the_answer_are_the_same(judge: ScriptedServer, do: str, kind: str) -> None:
    judge.play({"default": {"do": do}})
    with pytest.raises(JudgeAnswerError) as caught:
        client(judge).ask_sync(prompt())
    assert caught.value.kind == kind


def test_connections_are_used_again_after_a_stream(judge: ScriptedServer) -> None:
    judge.play({})

    async def several() -> list[Answer]:
        async with client(judge) as asker:
            return [await asker.ask(prompt(f"number {number}")) for number in range(5)]

    assert len(run(several())) == 5


EVENTS = [
    {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"delta": {"content": "Ja, "}, "logprobs": {"content": [{"token": "Ja, "}]}}]},
    {"choices": [{"delta": {"content": "schön 😀"}, "finish_reason": None}]},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
]


def stream_of(events: list[Any], end: str = "\n", done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(each, ensure_ascii=False)}" for each in events]
    lines += ["data: [DONE]"] if done else []
    return f": hello{end}{end}".encode() + "".join(f"{line}{end}{end}" for line in lines).encode()


@given(cuts=st.lists(st.integers(0, 700), max_size=20), end=st.sampled_from(["\n", "\r\n"]))
def test_wherever_it_is_cut_the_whole_is_the_same(cuts: list[int], end: str) -> None:
    content, completion, at = stream_of(EVENTS, end), StreamedCompletion(), 0
    for cut in [*sorted(cuts), len(content)]:
        completion.feed(content[at:cut])
        at = max(at, cut)
    body = completion.body()
    assert body["choices"][0]["message"]["content"] == "Ja, schön 😀"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["logprobs"]["content"] == [{"token": "Ja, "}]
    assert body["usage"]["completion_tokens"] == 2


def test_an_end_without_a_mark_is_one_if_the_reason_is_known() -> None:
    completion = StreamedCompletion()
    completion.feed(stream_of(EVENTS, done=False))
    assert completion.body()["choices"]


@pytest.mark.parametrize("events", [EVENTS[:3], [], EVENTS[:1]])
def test_a_stream_without_an_end_is_no_answer(events: list[Any]) -> None:
    completion = StreamedCompletion()
    completion.feed(stream_of(events, done=False))
    with pytest.raises(JudgeUnavailableError, match="broke off"):
        completion.body()


def test_failures_that_are_told_in_the_stream() -> None:
    completion = StreamedCompletion()
    with pytest.raises(JudgeUnavailableError, match="out of memory"):
        completion.feed(stream_of([*EVENTS[:2], {"error": {"message": "out of memory"}}]))
    with pytest.raises(JudgeAnswerError):
        StreamedCompletion().feed(b"data: {oops\n\n")
