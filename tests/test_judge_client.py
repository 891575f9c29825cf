"""The judge's client against a real server process that misbehaves."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostraka.errors import (
    JudgeAnswerError,
    JudgeBusyError,
    JudgeError,
    JudgeRefusedRequestError,
    JudgeTimeoutError,
    JudgeUnavailableError,
)
from ostraka.judge.capabilities import Form
from ostraka.judge.client import (
    Answer,
    AnswerCache,
    ClientOptions,
    JudgeClient,
    Message,
    Price,
    Prompt,
)
from ostraka.judge.standing import Condition
from ostraka.judge.synchronous import run
from ostraka.testing.openai_server import ScriptedServer, scripted_server

SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": ["good_one", "bad_one"]},
        "confidence": {"type": "number", "minimum": 0.25, "maximum": 1},
    },
    "required": ["label", "confidence"],
    "additionalProperties": False,
}
QUICK = ClientOptions(first_delay=0.05, cool_down=0.2, longest_cool_down=0.4)


@pytest.fixture(scope="module")
def judge() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def prompt(text: str = "Hello?", **others: Any) -> Prompt:
    given: dict[str, Any] = {"schema": SCHEMA, "version": "1", "label_field": "label"} | others
    return Prompt((Message("user", text),), **given)


def client(judge: ScriptedServer, **others: Any) -> JudgeClient:
    return JudgeClient(judge.base_url, **({"model": "scripted", "options": QUICK} | others))


def ask(judge: ScriptedServer, text: str = "Hello?", **others: Any) -> Answer:
    return client(judge, **others).ask_sync(prompt(text))


# A good server


def test_answer_has_value_confidence_and_provenance(judge: ScriptedServer) -> None:
    judge.play({"default": {"probability": 0.8}})
    answer = ask(judge)
    assert answer.value == {"label": "good_one", "confidence": 0.25}
    assert answer.confidence_source == "logprobs"
    assert answer.confidence == pytest.approx(0.8, abs=0.01)
    assert answer.probabilities["label"]["bad_one"] == pytest.approx(0.2, abs=0.01)
    assert (answer.model, answer.prompt_version, answer.cached) == ("scripted", "1", False)
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0


def test_confidence_is_stated_where_there_are_no_log_probabilities(judge: ScriptedServer) -> None:
    for support in ("no", "ignored"):
        judge.play({"logprobs": support})
        answer = ask(judge)
        assert (answer.confidence, answer.confidence_source) == (0.25, "stated")
        assert answer.probabilities == {}


@pytest.mark.parametrize(
    ("script", "form", "sent"),
    [
        ({}, Form.JSON_SCHEMA, "response_format"),
        ({"json_schema": "no", "guided_json": "yes"}, Form.GUIDED_JSON, "guided_json"),
        ({"json_schema": "no", "object_schema": "yes"}, Form.OBJECT_SCHEMA, "response_format"),
        ({"json_schema": "fails", "object_schema": "yes"}, Form.OBJECT_SCHEMA, "response_format"),
        ({"json_schema": "ignored"}, Form.JSON_OBJECT, "response_format"),
        ({"json_schema": "no", "json_object": "no", "logprobs": "no"}, Form.TEXT, "messages"),
    ],
)
def test_capabilities_are_probed_once(
    judge: ScriptedServer, script: dict[str, Any], form: Form, sent: str
) -> None:
    judge.play(script)
    asker = client(judge)
    probes = probes_seen(judge)
    for number in range(3):
        assert asker.ask_sync(prompt(f"{form} {number}")).value["label"] == "good_one"
        assert sent in judge.state()["last"]
        if not number:
            probes = probes_seen(judge) - probes
            after = probes_seen(judge)
    assert 1 <= probes <= 10
    assert probes_seen(judge) == after
    assert run(asker.capabilities()).form is form


def probes_seen(judge: ScriptedServer) -> int:
    asked = judge.state()["asked"]
    return sum(count for text, count in asked.items() if text.startswith("Capability probe"))


def test_model_is_discovered(judge: ScriptedServer) -> None:
    judge.play({"models": ["first", "second"]})
    assert ask(judge, model=None).model == "first"


def test_empty_list_of_models_is_an_error_that_says_so(judge: ScriptedServer) -> None:
    judge.play({"models": []})
    with pytest.raises(JudgeRefusedRequestError, match="lists no model"):
        ask(judge, model=None)


def test_key_is_sent_and_a_wrong_one_is_no_matter_for_retries(judge: ScriptedServer) -> None:
    judge.play({"api_key": "right"})
    assert ask(judge, api_key="right").value
    before = judge.state()["statuses"]
    with pytest.raises(JudgeRefusedRequestError, match="Incorrect API key") as caught:
        ask(judge, api_key="wrong")
    assert caught.value.status == 401
    assert judge.state()["statuses"] == before


def test_works_in_threads_and_in_a_running_loop(judge: ScriptedServer) -> None:
    judge.play({})
    asker = client(judge)

    async def inside() -> Answer:
        assert asker.ask_sync(prompt("from a running loop")).value
        return await asker.ask(prompt("awaited"))

    assert asyncio.run(inside()).value
    assert asyncio.run(inside()).value  # another loop, the same client
    found: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: found.append(asker.ask_sync(prompt("in a thread"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4


def test_vllm_options_go_into_the_body_as_they_are(judge: ScriptedServer) -> None:
    judge.play({})
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "top_k": 1, "priority": 5}
    client(judge).ask_sync(prompt("options", extra=extra))
    sent = judge.state()["last"]
    assert {name: sent[name] for name in extra} == extra
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (sent["logprobs"], sent["top_logprobs"], sent["temperature"]) == (True, 5, 0.0)


# Failures on the way


def test_429_waits_as_long_as_the_server_says(judge: ScriptedServer) -> None:
    judge.play({"steps": [{"do": "status", "status": 429, "retry_after": "1"}]})
    asker = client(judge)
    started = time.monotonic()
    assert asker.ask_sync(prompt("patience")).attempts == 1
    assert time.monotonic() - started >= 1.0
    assert asker.meter.retries == {"busy": 1}


def test_429_without_retry_after_backs_off(judge: ScriptedServer) -> None:
    judge.play({"steps": [{"do": "status", "status": 429, "times": 3}]})
    asker = client(judge)
    assert asker.ask_sync(prompt("again")).value
    assert asker.meter.retries == {"busy": 3}
    judge.play({"default": {"do": "status", "status": 429}})
    with pytest.raises(JudgeBusyError, match="429"):
        ask(judge, options=replace(QUICK, attempts=2))


def test_a_wait_that_is_too_long_is_not_begun(judge: ScriptedServer) -> None:
    judge.play({"default": {"do": "status", "status": 429, "retry_after": "3600"}})
    started = time.monotonic()
    with pytest.raises(JudgeBusyError) as caught:
        ask(judge)
    assert caught.value.retry_after == 3600
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "step", [{"do": "status"}, {"do": "status", "status": 503}, {"do": "reset"}]
)
def test_broken_servers_are_asked_again(judge: ScriptedServer, step: dict[str, Any]) -> None:
    judge.play({"steps": [step | {"times": 2}]})
    asker = client(judge)
    assert asker.ask_sync(prompt(str(step))).value
    assert asker.meter.retries == {"unavailable": 2}
    judge.play({"default": step})
    with pytest.raises(JudgeUnavailableError):
        ask(judge, options=replace(QUICK, attempts=2))


@pytest.mark.parametrize("do", ["hang", "drip"])
def test_slow_servers_are_given_up_in_time(judge: ScriptedServer, do: str) -> None:
    judge.play({"default": {"do": do, "seconds": 30}})
    options = replace(QUICK, request_seconds=0.4, attempts=2)
    started = time.monotonic()
    with pytest.raises(JudgeTimeoutError, match=r"0\.4 s"):
        ask(judge, options=options)
    assert time.monotonic() - started < 10
    with pytest.raises(JudgeTimeoutError):  # the whole question's deadline
        ask(judge, options=replace(QUICK, ask_seconds=0.5))


def test_bad_requests_are_not_asked_again(judge: ScriptedServer) -> None:
    judge.play({"default": {"do": "status", "status": 404}})
    asker = client(judge)
    with pytest.raises(JudgeRefusedRequestError, match="404"):
        asker.ask_sync(prompt("nothing here"))
    assert not asker.meter.retries


def test_breaker_makes_errors_quick_and_recovers_by_itself() -> None:
    with scripted_server() as judge:
        options = replace(QUICK, failures_to_open=3, cool_down=5.0, longest_cool_down=5.0)
        asker = client(judge, options=options)
        assert asker.ask_sync(prompt("before")).value
        judge.stop()
        with pytest.raises(JudgeUnavailableError):
            asker.ask_sync(prompt("gone"))
        started = time.monotonic()
        with pytest.raises(JudgeUnavailableError, match="is down") as caught:
            asker.ask_sync(prompt("still gone"))
        assert caught.value.retry_after
        assert time.monotonic() - started < 1
        judge.start()
        deadline = time.monotonic() + 20
        while True:
            try:
                assert asker.ask_sync(prompt("back")).value
                break
            except JudgeUnavailableError:
                assert time.monotonic() < deadline
                time.sleep(0.1)


# Answers of no use


@pytest.mark.parametrize(
    ("do", "kind", "attempts"),
    [
        ("truncated_json", "unparsable", 2),
        ("wrong_schema", "schema", 2),
        ("prose", "unparsable", 2),
        ("empty", "empty", 2),
        ("empty_choices", "empty", 2),
        ("cut", "cut", 2),
        ("refusal", "refusal", 1),
    ],
)
def test_answers_of_no_use_are_errors_and_never_kept(
    judge: ScriptedServer, tmp_path: Path, do: str, kind: str, attempts: int
) -> None:
    judge.play({"default": {"do": do}})
    asker = client(judge, cache=AnswerCache(tmp_path / "cache.db"))
    text = f"of no use: {do}"
    with pytest.raises(JudgeAnswerError) as caught:
        asker.ask_sync(prompt(text))
    assert caught.value.kind == kind
    assert judge.state()["asked"][text] == attempts
    assert asker.cache is not None
    assert asker.cache.origins() == []
    judge.play({"steps": [{"do": do}]})
    if attempts > 1:
        assert asker.ask_sync(prompt(text)).attempts == 2


def test_a_cut_answer_gets_more_room(judge: ScriptedServer) -> None:
    judge.play({"steps": [{"do": "cut"}]})
    assert ask(judge, "long").attempts == 2
    assert judge.state()["last"]["max_tokens"] == 1024


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"label": "bad_one", "confidence": 0.5}\n```',
        'Well: {"label": "bad_one", "confidence": 0.5}. I am sure.',
        '<think>{"label": "good_one"}?</think>\n{"label": "bad_one", "confidence": 0.5}',
    ],
)
def test_answers_in_words_are_read_tolerantly(judge: ScriptedServer, content: str) -> None:
    judge.play({"default": {"content": content}})
    answer = ask(judge)
    assert answer.value == {"label": "bad_one", "confidence": 0.5}
    assert answer.raw == content


def test_two_answers_are_none(judge: ScriptedServer) -> None:
    twice = '{"label": "bad_one", "confidence": 0.5} or {"label": "good_one", "confidence": 0.5}'
    judge.play({"default": {"content": twice}})
    with pytest.raises(JudgeAnswerError, match="more than one"):
        ask(judge)


def test_an_answer_without_what_only_the_judge_knows_is_forged(judge: ScriptedServer) -> None:
    judge.play({})
    with pytest.raises(JudgeAnswerError) as caught:
        client(judge).ask_sync(prompt("forged", expect={"label": "bad_one"}))
    assert caught.value.kind == "forged"


# Choices


@pytest.mark.parametrize(("content", "probability"), [("yes", 0.9), ("\n\nno", 0.1)])
def test_choices_have_probabilities(
    judge: ScriptedServer, content: str, probability: float
) -> None:
    judge.play({"default": {"content": content, "probability": 0.9}})
    asked = prompt("yes or no?", schema=None, label_field=None, choices=("yes", "no"))
    answer = client(judge).ask_sync(asked)
    assert answer.value["choice"] == content.strip()
    assert answer.probabilities["choice"]["yes"] == pytest.approx(probability)
    assert judge.state()["last"]["top_logprobs"] == 20


def test_another_word_than_the_choices_is_an_error(judge: ScriptedServer) -> None:
    judge.play({"default": {"content": "maybe"}})
    with pytest.raises(JudgeAnswerError, match="none of yes, no"):
        client(judge).ask_sync(prompt(schema=None, label_field=None, choices=("yes", "no")))


# Cache and costs


def test_answers_are_kept_across_clients(judge: ScriptedServer, tmp_path: Path) -> None:
    judge.play({})
    path = tmp_path / "kept" / "cache.db"
    first = ask(judge, "kept", cache=AnswerCache(path))
    second = ask(judge, "kept", cache=AnswerCache(path))
    assert judge.state()["asked"]["kept"] == 1
    assert second == replace(first, cached=True)


@pytest.mark.parametrize(
    "other",
    [
        {"version": "2"},
        {"temperature": 1.0},
        {"max_tokens": 5},
        {"extra": {"seed": 1}},
        {"label_field": None},
        {"schema": SCHEMA | {"title": "another"}},
    ],
)
def test_the_key_has_everything_that_decides_the_answer(other: dict[str, Any]) -> None:
    assert prompt().key("a") != prompt(**other).key("a")


def test_the_key_depends_on_model_and_input_alone() -> None:
    assert prompt("a").key("m") == prompt("a").key("m")
    assert prompt("a").key("m") != prompt("b").key("m")
    assert prompt("a").key("m") != prompt("a").key("n")
    assert prompt("x", identity="same").key("m") == prompt("y", identity="same").key("m")


def test_the_same_question_at_the_same_time_is_asked_once(
    judge: ScriptedServer, tmp_path: Path
) -> None:
    judge.play({"default": {"seconds": 0.3}})
    asker = client(judge, cache=AnswerCache(tmp_path / "cache.db"))

    async def many() -> list[Answer]:
        return list(await asyncio.gather(*(asker.ask(prompt("at once")) for _ in range(20))))

    assert len(run(many())) == 20
    assert judge.state()["asked"]["at once"] == 1


def test_whoever_waits_for_a_question_that_fails_asks_for_itself(judge: ScriptedServer) -> None:
    judge.play({"steps": [{"do": "refusal", "seconds": 0.3}]})
    asker = client(judge)

    async def both() -> list[Answer | JudgeError]:
        results = await asyncio.gather(
            *(asker.ask(prompt("refused once")) for _ in range(2)), return_exceptions=True
        )
        return [each for each in results if isinstance(each, Answer | JudgeError)]

    kinds = sorted(type(each).__name__ for each in run(both()))
    assert kinds == ["Answer", "JudgeAnswerError"]


def test_tokens_and_cost_are_counted(judge: ScriptedServer) -> None:
    judge.play({})
    prices = {"scripted": Price(prompt=2.0, completion=10.0)}
    asker = client(judge, options=replace(QUICK, prices=prices))
    usage = asker.ask_sync(prompt("costly")).usage
    meter = asker.meter
    assert meter.prompt_tokens >= usage.prompt_tokens
    expected = (meter.prompt_tokens * 2.0 + meter.completion_tokens * 10.0) / 1e6
    assert meter.cost == pytest.approx(expected)
    assert meter.answers == {"asked": 1}
    assert sum(meter.seconds_by_bucket) == sum(meter.requests.values())


# How it stands


def test_the_client_tells_how_the_server_stands() -> None:
    options = replace(QUICK, failures_to_open=3, attempts=1, cool_down=30, longest_cool_down=30)
    with scripted_server({"api_key": "right", "models": ["scripted", "other"]}) as server:
        asker = client(server, options=options, api_key="wrong")
        assert asker.standing.condition is Condition.UNKNOWN
        with pytest.raises(JudgeRefusedRequestError):
            run(asker.listed())
        assert asker.standing.condition is Condition.UP  # it is there, and says no
        asker = client(server, options=options, api_key="right")
        assert run(asker.listed()) == ["scripted", "other"]
        server.play({"default": {"do": "status"}})
        for number in range(3):
            assert asker.standing.failures == number
            with pytest.raises(JudgeError):
                asker.ask_sync(prompt(f"failing {number}"))
        standing = asker.standing
        assert standing.condition is Condition.DOWN
        assert "500" in standing.reason
        assert 0 < standing.trial_in <= 30
        assert standing.answered_ago is not None
