"""The `openai` package, first 1.x to newest 3.x, through its own types and exceptions."""

import asyncio
import os
import time
import uuid

import openai
import pytest

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
IGNORING_IMAGES = os.environ["OSTRAKA_TEST_SERVER_IGNORING_IMAGES"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])
KNOWS_OMNI = VERSION >= (1, 50)

RUDE = "You are a stupid idiot and everybody laughs at you."
KIND = "Thank you for your help, have a lovely day."
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
ATTRIBUTES = {
    "harassment",
    "harassment_threatening",
    "hate",
    "hate_threatening",
    "illicit",
    "illicit_violent",
    "self_harm",
    "self_harm_instructions",
    "self_harm_intent",
    "sexual",
    "sexual_minors",
    "violence",
    "violence_graphic",
}
NOT_MODELLED = {"sexual_minors", "self_harm_instructions", "violence_graphic"}
LEGACY = ATTRIBUTES - {"illicit", "illicit_violent"}


def client(server=SERVER, **options):
    defaults = {"api_key": "unused", "max_retries": 0, "_strict_response_validation": True}
    return openai.OpenAI(base_url=f"{server}/v1", **(defaults | options))


def failing(fault, times=None, **options):
    headers = {"x-fault": fault}
    if times is not None:
        headers |= {"x-fault-times": str(times), "x-fault-key": uuid.uuid4().hex}
    return client(FAULTY, default_headers=headers, **options)


def text(content):
    return {"type": "text", "text": content}


def test_string():
    answer = client().moderations.create(input=RUDE)
    assert answer.id.startswith("modr-")
    assert answer.model == "omni-moderation-latest"
    [result] = answer.results
    assert result.flagged is True
    assert result.categories.harassment is True
    assert 0.5 < result.category_scores.harassment <= 1.0
    assert client().moderations.create(input=KIND).results[0].flagged is False


def test_every_declared_field_is_there_with_its_type():
    [result] = client().moderations.create(input=RUDE).results
    for name in ATTRIBUTES if KNOWS_OMNI else LEGACY:
        assert type(getattr(result.categories, name)) is bool, name
        score = getattr(result.category_scores, name)
        assert type(score) is float and 0 <= score <= 1, name
    if KNOWS_OMNI:
        for name in ATTRIBUTES:
            applied = getattr(result.category_applied_input_types, name)
            assert applied == ([] if name in NOT_MODELLED else ["text"]), name
            if name in NOT_MODELLED:
                assert getattr(result.category_scores, name) == 0.0
                assert getattr(result.categories, name) is False


def test_list_keeps_order():
    results = client().moderations.create(input=[KIND, RUDE, KIND]).results
    assert [result.flagged for result in results] == [False, True, False]


def test_parts_are_one_result():
    answer = client().moderations.create(
        input=[text(KIND), text(RUDE)], model="omni-moderation-2024-09-26"
    )
    [result] = answer.results
    assert result.flagged is True
    assert answer.model == "omni-moderation-2024-09-26"


def test_image_is_rejected_by_default():
    with pytest.raises(openai.BadRequestError) as failed:
        client().moderations.create(input=[text(KIND), PICTURE])
    assert failed.value.code == "image_not_supported"
    assert failed.value.param == "input"


def test_ignored_image_is_not_an_applied_type():
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    for picture in (PICTURE, data):
        [result] = client(IGNORING_IMAGES).moderations.create(input=[text(RUDE), picture]).results
        assert result.flagged is True
        if KNOWS_OMNI:
            assert result.category_applied_input_types.violence == ["text"]
            assert result.category_applied_input_types.sexual == ["text"]


@pytest.mark.parametrize("server", [SERVER, IGNORING_IMAGES])
def test_image_alone_and_two_images_are_never_passed(server):
    with pytest.raises(openai.BadRequestError) as alone:
        client(server).moderations.create(input=[PICTURE])
    assert alone.value.code == "image_not_supported"
    with pytest.raises(openai.BadRequestError) as two:
        client(server).moderations.create(input=[text(KIND), PICTURE, PICTURE])
    assert two.value.code == "too_many_images"
    assert two.value.type == "invalid_request_error"
    assert "Number of images (2) exceeds maximum of 1" in two.value.message


@pytest.mark.parametrize("model", ["text-moderation-latest", "text-moderation-stable"])
def test_legacy_models_have_eleven_names(model):
    answer = client(_strict_response_validation=False).moderations.create(input=RUDE, model=model)
    assert answer.model == "text-moderation-007"
    [result] = answer.results
    assert result.flagged is True
    for name in LEGACY:
        assert type(getattr(result.categories, name)) is bool
        assert type(getattr(result.category_scores, name)) is float
    if KNOWS_OMNI:
        assert result.categories.illicit is None
        assert result.category_scores.illicit_violent is None


def test_pinned_model_gives_the_same_scores():
    for name in ("ostraka-cascade", "ostraka-lexical"):
        pinned = client().models.retrieve(name).model_dump()["pinned_id"]
        assert pinned.startswith(f"{name}@sha256:")
        first, second = (client().moderations.create(input=RUDE, model=pinned) for _ in range(2))
        assert first.model == pinned
        assert first.results[0].category_scores == second.results[0].category_scores
        assert client().models.retrieve(pinned).id == pinned


@pytest.mark.parametrize(
    "model", ["nonsense", "gpt-4o", "ostraka-cascade@sha256:" + "0" * 64, "ostraka-cascade@sha256:"]
)
def test_unknown_model(model):
    with pytest.raises(openai.NotFoundError) as failed:
        client().moderations.create(input=KIND, model=model)
    assert failed.value.code == "model_not_found"
    assert failed.value.param == "model"
    assert failed.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": ""}, "input", "empty_input"),
        ({"input": []}, "input", "empty_input"),
        ({"input": 3}, "input", "invalid_type"),
        ({"input": None}, "input", "invalid_type"),
        ({"input": {"text": "a"}}, "input", "invalid_type"),
        ({"input": ["a", 3]}, "input", "invalid_type"),
        ({"input": ["a", {"type": "text", "text": "b"}]}, "input", "invalid_type"),
        ({"input": [{"type": "text"}]}, "input[0]", "invalid_type"),
        ({"input": [{"type": "audio", "audio": "a"}]}, "input[0]", "invalid_type"),
        ({"input": [{"type": "image_url", "image_url": "a"}]}, "input[0]", "invalid_type"),
        ({"input": ["a"] * 9}, "input", "too_many_inputs"),
        ({"input": "a" * 100_001}, "input", "string_above_max_length"),
        ({"input": "a", "model": 3}, "model", "invalid_type"),
        ({"input": "a", "model": ""}, "model", "invalid_type"),
    ],
)
def test_bad_input(body, param, code):
    with pytest.raises(openai.BadRequestError) as failed:
        client().moderations.create(**body)
    error = failed.value
    assert (error.status_code, error.param, error.code) == (400, param, code)
    assert error.type == "invalid_request_error"
    assert error.message
    assert error.response.headers["x-request-id"].startswith("req_")


def test_missing_input():
    with pytest.raises(openai.BadRequestError) as failed:
        client().post("/moderations", cast_to=object, body={"model": "omni-moderation-latest"})
    assert failed.value.code == "missing_required_parameter"
    assert failed.value.param == "input"


def test_too_large():
    with pytest.raises(openai.APIStatusError) as failed:
        client().moderations.create(input="a" * 250_000)
    assert failed.value.status_code == 413
    assert failed.value.type == "invalid_request_error"
    assert failed.value.code == "request_too_large"


def test_unknown_path_and_method():
    with pytest.raises(openai.NotFoundError) as failed:
        client().chat.completions.create(model="a", messages=[{"role": "user", "content": "a"}])
    assert failed.value.type == "invalid_request_error"
    with pytest.raises(openai.APIStatusError) as method:
        client().get("/moderations", cast_to=object)
    assert method.value.status_code == 405
    assert method.value.code == "method_not_supported"


def test_explicit_prefix():
    prefixed = openai.OpenAI(base_url=f"{SERVER}/openai/v1", api_key="unused", max_retries=0)
    assert prefixed.moderations.create(input=RUDE).results[0].flagged is True
    with pytest.raises(openai.NotFoundError) as failed:
        prefixed.models.retrieve("nonsense")
    assert failed.value.code == "model_not_found"


def test_models():
    cards = {card.id: card for card in client().models.list()}
    assert {"omni-moderation-latest", "text-moderation-latest", "ostraka-cascade"} <= set(cards)
    for card in cards.values():
        assert card.object == "model"
        assert type(card.created) is int
        assert card.owned_by == "ostraka"
    card = client().models.retrieve("omni-moderation-latest")
    assert card.id == "omni-moderation-latest"
    assert "sexual/minors" in card.model_dump()["not_modelled"]
    with pytest.raises(openai.NotFoundError) as failed:
        client().models.retrieve("nonsense")
    assert failed.value.code == "model_not_found"


def test_raw_response_headers():
    raw = client().moderations.with_raw_response.create(input=KIND)
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.headers["x-request-id"].startswith("req_")
    assert len(raw.headers["x-request-id"]) == len("req_") + 32
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["openai-organization"]
    parsed = raw.parse()
    assert parsed.results[0].flagged is False
    if VERSION >= (1, 52):
        assert parsed._request_id == raw.headers["x-request-id"]


def test_request_id_of_an_error():
    if "request_id" not in openai.APIStatusError.__annotations__:
        pytest.skip("this SDK's errors have no request id")
    with pytest.raises(openai.BadRequestError) as failed:
        client().moderations.create(input="")
    assert failed.value.request_id == failed.value.response.headers["x-request-id"]


def test_async_client():
    async def several():
        options = {"base_url": f"{SERVER}/v1", "api_key": "unused", "max_retries": 0}
        async with openai.AsyncOpenAI(**options) as asynchronous:
            calls = [asynchronous.moderations.create(input=each) for each in (RUDE, KIND) * 8]
            answers = await asyncio.gather(*calls)
            with pytest.raises(openai.BadRequestError):
                await asynchronous.moderations.create(input=[])
            cards = [card.id async for card in asynchronous.models.list()]
        return [answer.results[0].flagged for answer in answers], cards

    flags, cards = asyncio.run(several())
    assert flags == [True, False] * 8
    assert "ostraka-cascade" in cards


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        ("unauthenticated", openai.AuthenticationError, 401, "invalid_api_key"),
        ("forbidden", openai.PermissionDeniedError, 403, "insufficient_permissions"),
        ("conflict", openai.ConflictError, 409, "conflict"),
        ("overloaded", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("crash", openai.InternalServerError, 500, None),
        ("broken_model", openai.InternalServerError, 500, None),
    ],
)
def test_statuses_raise_the_exception_of_the_sdk(fault, kind, status, code):
    with pytest.raises(kind) as failed:
        failing(fault).moderations.create(input=KIND)
    error = failed.value
    assert (error.status_code, error.code) == (status, code)
    assert error.type == {429: "rate_limit_error", 500: "server_error"}.get(
        status, "invalid_request_error"
    )
    assert set(error.body) == {"message", "type", "param", "code"}
    assert "inside" not in error.message
    assert error.response.headers["x-request-id"].startswith("req_")


def test_overload_is_retried_after_the_stated_time():
    with pytest.raises(openai.RateLimitError) as failed:
        failing("overloaded").moderations.create(input=KIND)
    assert float(failed.value.response.headers["retry-after"]) >= 0.3
    assert float(failed.value.response.headers["retry-after-ms"]) == 300
    started = time.monotonic()
    patient = failing("overloaded", times=2, max_retries=2)
    assert patient.moderations.create(input=KIND).results[0].flagged is False
    assert time.monotonic() - started >= (0.6 if VERSION >= (1, 17) else 0.3)


@pytest.mark.parametrize("fault", ["crash", "broken_model"])
def test_what_will_fail_again_is_not_retried(fault):
    eager = failing(fault, times=1, max_retries=2)
    with pytest.raises(openai.InternalServerError) as failed:
        eager.moderations.create(input=KIND)
    assert failed.value.response.headers["x-should-retry"] == "false"


def test_timeout():
    with pytest.raises(openai.APITimeoutError):
        failing("slow", timeout=0.2).moderations.create(input=KIND)
    retried = failing("slow", timeout=5.0).moderations.create(input=KIND)
    assert retried.results[0].flagged is False
