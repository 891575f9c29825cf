import json

import httpx
import openai
import pytest

from ostraka.taxonomy import OPENAI, OPENAI_LEGACY

RUDE = "You are a stupid idiot and everybody laughs at you."
KIND = "Thank you for your help, have a lovely day."
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


@pytest.fixture
def client(server: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{server}/v1", api_key="unused", max_retries=0, _strict_response_validation=True
    )


def test_string_passes_strict_validation(client: openai.OpenAI) -> None:
    answer = client.moderations.create(input=RUDE)
    assert answer.id.startswith("modr-")
    assert answer.model == "omni-moderation-latest"
    [result] = answer.results
    assert result.flagged is True
    assert result.categories.harassment is True
    assert result.category_scores.harassment > 0.5


def test_list_keeps_order(client: openai.OpenAI) -> None:
    answer = client.moderations.create(input=[KIND, RUDE, KIND])
    assert [result.flagged for result in answer.results] == [False, True, False]


def test_parts_are_one_result(client: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": KIND}, {"type": "text", "text": RUDE}]
    answer = client.moderations.create(input=parts, model="omni-moderation-2024-09-26")
    [result] = answer.results
    assert result.flagged
    assert answer.model == "omni-moderation-2024-09-26"


def test_not_modelled_has_score_zero_and_no_applied_type(server: str) -> None:
    body = httpx.post(f"{server}/v1/moderations", json={"input": RUDE}).json()
    [result] = body["results"]
    for part in ("categories", "category_scores", "category_applied_input_types"):
        assert set(result[part]) == set(OPENAI.names)
    assert result["category_applied_input_types"]["violence/graphic"] == []
    assert result["category_scores"]["violence/graphic"] == 0.0
    assert result["category_applied_input_types"]["harassment"] == ["text"]


def test_legacy_model_has_eleven_names(server: str) -> None:
    body = httpx.post(
        f"{server}/v1/moderations", json={"input": KIND, "model": "text-moderation-latest"}
    ).json()
    assert body["model"] == "text-moderation-007"
    assert set(body["results"][0]["categories"]) == set(OPENAI_LEGACY.names)


def test_pinned_model_answers_with_the_same_scores(client: openai.OpenAI, server: str) -> None:
    pinned = httpx.get(f"{server}/v1/models").json()["data"][0]["pinned_id"]
    first = client.moderations.create(input=RUDE, model=pinned)
    assert first.model == pinned
    again = client.moderations.create(input=RUDE)
    assert first.results[0].category_scores == again.results[0].category_scores


def test_models(client: openai.OpenAI) -> None:
    cards = {card.id: card for card in client.models.list()}
    assert "omni-moderation-latest" in cards
    card = client.models.retrieve("ostraka-cascade")
    assert "sexual/minors" in card.model_extra["not_modelled"]
    pinned = client.models.retrieve(card.model_extra["pinned_id"])
    assert pinned.id == card.model_extra["pinned_id"]


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        ({}, 400, "input", "missing_required_parameter"),
        ({"input": ""}, 400, "input", "empty_input"),
        ({"input": []}, 400, "input", "empty_input"),
        ({"input": 3}, 400, "input", "invalid_type"),
        ({"input": None}, 400, "input", "invalid_type"),
        ({"input": ["a", {"type": "text", "text": "b"}]}, 400, "input", "invalid_type"),
        ({"input": [{"type": "text"}]}, 400, "input[0]", "invalid_type"),
        ({"input": [PICTURE]}, 400, "input", "image_not_supported"),
        ({"input": [PICTURE, PICTURE]}, 400, "input", "too_many_images"),
        ({"input": ["a"] * 9}, 400, "input", "too_many_inputs"),
        ({"input": "a" * 100_001}, 400, "input", "string_above_max_length"),
        ({"input": "a", "model": 3}, 400, "model", "invalid_type"),
        ({"input": "a", "model": "nonsense"}, 404, "model", "model_not_found"),
        ({"input": "a", "model": "ostraka-cascade@sha256:" + "0" * 64}, 404, "model", None),
        ({"input": "a" * 250_000}, 413, None, "request_too_large"),
    ],
)
def test_bad_input(
    server: str, body: dict[str, object], status: int, param: str | None, code: str | None
) -> None:
    answer = httpx.post(f"{server}/v1/moderations", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    if code:
        assert error["code"] == code
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"a"', b'{"input": "\xff"}', b"[" * 5000])
def test_bodies_that_are_no_object(server: str, content: bytes) -> None:
    answer = httpx.post(f"{server}/v1/moderations", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("invalid_json", "invalid_type")


def test_half_a_character_is_named(server: str) -> None:
    cut = json.dumps({"input": "Well done \U0001f600"}).replace("\\ude00", "")
    answer = httpx.post(f"{server}/v1/moderations", content=cut)
    assert answer.status_code == 400
    assert "\\ud83d is half a character" in answer.json()["error"]["message"]


def test_sdk_exceptions(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.moderations.create(input="")
    assert bad.value.param == "input"
    assert bad.value.request_id is not None
    with pytest.raises(openai.NotFoundError) as missing:
        client.moderations.create(input="a", model="nonsense")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="a", messages=[])


def test_unknown_path_and_method(server: str) -> None:
    assert httpx.get(f"{server}/v1/nothing").json()["error"]["code"] == "unknown_url"
    answer = httpx.get(f"{server}/v1/moderations")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_supported"
