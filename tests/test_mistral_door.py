import httpx
import pytest
from mistralai import Mistral
from mistralai.models import HTTPValidationError, SDKError

RUDE = "I will find you and kill you."


@pytest.fixture
def client(server: str) -> Mistral:
    return Mistral(api_key="unused", server_url=server)


def test_moderate(client: Mistral) -> None:
    answer = client.classifiers.moderate(model="mistral-moderation-latest", inputs=["hello", RUDE])
    calm, rude = answer.results
    assert not any(calm.categories.values())
    assert rude.categories["violence_and_threats"]
    assert 0.5 < rude.category_scores["violence_and_threats"] <= 1.0
    assert "health" not in rude.category_scores


def test_chat_judges_the_last_turn(client: Mistral) -> None:
    turns = [{"role": "user", "content": RUDE}, {"role": "assistant", "content": "Good morning."}]
    answer = client.classifiers.moderate_chat(model="mistral-moderation-2411", inputs=turns)
    assert len(answer.results) == 1
    assert not answer.results[0].categories["violence_and_threats"]


def test_errors(client: Mistral, server: str) -> None:
    with pytest.raises(HTTPValidationError) as invalid:
        client.classifiers.moderate(model="mistral-moderation-latest", inputs=[])
    assert invalid.value.data.detail[0].loc == ["body", "input"]
    with pytest.raises(SDKError) as unknown:
        client.classifiers.moderate(model="nonsense", inputs="a")
    assert unknown.value.status_code == 400
    missing = httpx.post(f"{server}/mistral/v1/moderations", json={"input": "a"})
    assert missing.status_code == 422
    assert missing.json()["detail"][0]["loc"] == ["body", "model"]


def test_models(client: Mistral) -> None:
    names = {card.id for card in client.models.list().data}
    assert {"mistral-moderation-2603", "ostraka-cascade"} <= names


def test_the_model_decides_the_envelope_before_the_client_does(server: str) -> None:
    body = {"model": "mistral-moderation-latest", "input": []}
    plain = httpx.post(f"{server}/v1/moderations", json=body)
    assert plain.status_code == 422
    assert plain.json()["detail"][0]["loc"] == ["body", "input"]
    headers = {"user-agent": "mistral-client-python/3.7.0"}
    body = {"model": "omni-moderation-latest", "input": []}
    openai = httpx.post(f"{server}/v1/moderations", json=body, headers=headers)
    assert openai.status_code == 400
    assert openai.json()["error"]["param"] == "input"


@pytest.mark.parametrize("turn", [{"content": "a"}, {"role": "nobody", "content": "a"}, "a"])
def test_messages_have_roles(server: str, turn: object) -> None:
    body = {"model": "mistral-moderation-latest", "input": [turn]}
    answer = httpx.post(f"{server}/v1/chat/moderations", json=body)
    assert answer.status_code == 422
    assert "role" in answer.json()["detail"][0]["msg"]
