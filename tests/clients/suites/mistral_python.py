"""The `mistralai` package, 1.x to newest 3.x, through its own types and exceptions."""

import asyncio
import functools
import importlib.metadata
import json
import os
import time
import uuid

import pytest

VERSION = tuple(int(part) for part in importlib.metadata.version("mistralai").split(".")[:2])
if VERSION >= (2, 0):
    from mistralai.client import Mistral, errors
    from mistralai.client.utils import BackoffStrategy, RetryConfig
else:
    from mistralai import Mistral
    from mistralai import models as errors
    from mistralai.utils import BackoffStrategy, RetryConfig

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
THREAT = "I will find you and kill you."
KIND = "Thank you for your help, have a lovely day."
LATEST = "mistral-moderation-latest"
COMMON = {"sexual", "hate_and_discrimination", "violence_and_threats", "selfharm"}
CATEGORIES = {
    "mistral-moderation-2411": COMMON | {"dangerous_and_criminal_content"},
    "mistral-moderation-2603": COMMON | {"dangerous", "criminal"},
    LATEST: COMMON | {"dangerous", "criminal"},
}
UNCOVERED = {"health", "financial", "law", "pii", "jailbreaking"}


@functools.cache
def client(server=SERVER):
    """Kept for the run: 1.7 closes its connections with the last reference to the client."""
    return Mistral(api_key="unused", server_url=server)


def moderate(fault=None, times=None, server=FAULTY, **arguments):
    """A moderation of which the failure is asked for; the headers go with the call."""
    headers = {"x-fault": fault or ""}
    if times is not None:
        headers |= {"x-fault-times": str(times), "x-fault-key": uuid.uuid4().hex}
    defaults = {"model": LATEST, "inputs": KIND, "http_headers": headers}
    return client(server).classifiers.moderate(**(defaults | arguments))


def body_of(error):
    return json.loads(error.body)


def test_string_and_list():
    calm, threat = moderate(server=SERVER, inputs=[KIND, THREAT]).results
    assert not any(calm.categories.values())
    assert threat.categories["violence_and_threats"] is True
    assert 0.5 < threat.category_scores["violence_and_threats"] <= 1.0
    [alone] = moderate(server=SERVER, inputs=THREAT).results
    assert alone.category_scores == threat.category_scores


@pytest.mark.parametrize("model", CATEGORIES)
def test_categories_of_each_model(model):
    answer = moderate(server=SERVER, model=model, inputs=THREAT)
    assert answer.id
    assert answer.model == ("mistral-moderation-2603" if model == LATEST else model)
    [result] = answer.results
    assert set(result.categories) == set(result.category_scores) == CATEGORIES[model]
    assert not UNCOVERED & set(result.categories)
    assert all(type(flag) is bool for flag in result.categories.values())
    assert all(0 <= score <= 1 for score in result.category_scores.values())


def test_our_own_and_pinned_models():
    pinned = client().models.retrieve(model_id="ostraka-cascade")
    assert pinned.id == "ostraka-cascade"
    [first] = moderate(server=SERVER, model="ostraka-cascade", inputs=THREAT).results
    [second] = moderate(server=SERVER, inputs=THREAT).results
    assert first.category_scores == second.category_scores


def test_chat_judges_the_last_turn_of_each_conversation():
    calm = [{"role": "user", "content": THREAT}, {"role": "assistant", "content": "Good morning."}]
    threat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": THREAT}]
    chat = client().classifiers.moderate_chat
    [one] = chat(model=LATEST, inputs=calm).results
    assert not any(one.categories.values())
    first, second = chat(model="mistral-moderation-2411", inputs=[calm, threat]).results
    assert not first.categories["violence_and_threats"]
    assert second.categories["violence_and_threats"]
    parts = [{"role": "user", "content": [{"type": "text", "text": THREAT}]}]
    [result] = chat(model=LATEST, inputs=parts).results
    assert result.categories["violence_and_threats"]


def test_chat_with_an_image_is_refused():
    picture = {"type": "image_url", "image_url": "https://example.org/a.png"}
    with pytest.raises(errors.HTTPValidationError) as failed:
        client().classifiers.moderate_chat(
            model=LATEST, inputs=[{"role": "user", "content": [picture]}]
        )
    assert failed.value.data.detail[0].loc == ["body", "input"]


@pytest.mark.parametrize(
    "inputs", [[], ["a"] * 9, "a" * 100_001], ids=["empty list", "too many", "too long"]
)
def test_validation_errors_are_parsed(inputs):
    with pytest.raises(errors.HTTPValidationError) as failed:
        moderate(server=SERVER, inputs=inputs)
    [detail] = failed.value.data.detail
    assert detail.loc == ["body", "input"]
    assert detail.msg
    assert detail.type


@pytest.mark.parametrize(
    "model", ["nonsense", "mistral-moderation-9999", "ostraka-cascade@sha256:0"]
)
def test_unknown_model(model):
    with pytest.raises(errors.SDKError) as failed:
        moderate(server=SERVER, model=model)
    assert failed.value.status_code == 400
    body = body_of(failed.value)
    assert body == {
        "object": "error",
        "message": f"Invalid model: {model}",
        "type": "invalid_model",
        "param": None,
        "code": "1500",
    }


def test_chat_unknown_model():
    with pytest.raises(errors.SDKError) as failed:
        client().classifiers.moderate_chat(
            model="nonsense", inputs=[{"role": "user", "content": KIND}]
        )
    assert failed.value.status_code == 400
    assert body_of(failed.value)["code"] == "1500"


def test_too_large():
    with pytest.raises(errors.SDKError) as failed:
        moderate(server=SERVER, inputs="a" * 250_000)
    assert failed.value.status_code == 413
    assert body_of(failed.value)["object"] == "error"


def test_models():
    cards = {card.id: card for card in client().models.list().data}
    assert {LATEST, "mistral-moderation-2411", "ostraka-cascade"} <= set(cards)
    card = client().models.retrieve(model_id="mistral-moderation-2603")
    assert card.id == "mistral-moderation-2603"
    assert card.capabilities.completion_chat is False
    assert card.capabilities.function_calling is False
    with pytest.raises(errors.SDKError) as failed:
        client().models.retrieve(model_id="nonsense")
    assert failed.value.status_code == 404
    assert body_of(failed.value)["object"] == "error"


def test_unknown_path():
    with pytest.raises(errors.SDKError) as failed:
        client().chat.complete(model="a", messages=[{"role": "user", "content": "a"}])
    assert failed.value.status_code == 404
    assert body_of(failed.value)["object"] == "error"


def test_explicit_prefix():
    [result] = moderate(server=f"{SERVER}/mistral", inputs=THREAT).results
    assert result.categories["violence_and_threats"]
    with pytest.raises(errors.SDKError) as failed:
        moderate(server=f"{SERVER}/mistral", model="omni-moderation-latest")
    assert body_of(failed.value)["type"] == "invalid_model"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("unauthenticated", 401),
        ("forbidden", 403),
        ("conflict", 409),
        ("overloaded", 429),
        ("crash", 500),
        ("broken_model", 500),
    ],
)
def test_other_statuses(fault, status):
    with pytest.raises(errors.SDKError) as failed:
        moderate(fault)
    assert failed.value.status_code == status
    body = body_of(failed.value)
    if status == 401:
        assert body == {"detail": "Unauthorized"}
    else:
        assert body["object"] == "error"
        assert isinstance(body["message"], str) and "inside" not in body["message"]
        assert isinstance(body["code"], str)
        assert body["param"] is None
        assert set(body) == {"object", "message", "type", "param", "code"}


def test_headers_of_an_error():
    if VERSION < (1, 8):
        pytest.skip("this SDK's errors have no headers")
    with pytest.raises(errors.SDKError) as failed:
        moderate("overloaded")
    assert failed.value.headers["x-request-id"].startswith("req_")
    assert float(failed.value.headers["retry-after"]) >= 0.3


def test_no_retries_by_default_and_retry_after_is_heeded():
    with pytest.raises(errors.SDKError):
        moderate("overloaded", times=1)
    patience = RetryConfig("backoff", BackoffStrategy(10, 100, 1.5, 10_000), True)
    started = time.monotonic()
    answer = moderate("overloaded", times=2, retries=patience)
    assert answer.results
    heeds_retry_after = VERSION >= (1, 8)
    assert time.monotonic() - started >= (0.6 if heeds_retry_after else 0.0)


def test_timeout():
    with pytest.raises(Exception, match=r"(?i)time") as failed:
        moderate("slow", timeout_ms=200)
    assert "Timeout" in type(failed.value).__name__
    assert moderate("slow", timeout_ms=5000).results


def test_async_client():
    async def several():
        async with Mistral(api_key="unused", server_url=SERVER) as asynchronous:
            calls = [
                asynchronous.classifiers.moderate_async(model=LATEST, inputs=each)
                for each in (THREAT, KIND) * 4
            ]
            answers = await asyncio.gather(*calls)
            with pytest.raises(errors.HTTPValidationError):
                await asynchronous.classifiers.moderate_async(model=LATEST, inputs=[])
        return [any(answer.results[0].categories.values()) for answer in answers]

    assert asyncio.run(several()) == [True, False] * 4
