"""Fine-tuned models through the real SDK: asked, listed, archived, pinned, deleted."""

import json
from typing import Any

import httpx
import pytest
from factory_client import examples, trained
from mistralai import Mistral
from mistralai.models import SDKError

pytest.importorskip("sklearn", reason="needs the train extra")


def test_texts_and_conversations_are_classified(client: Mistral, address: str, job: Any) -> None:
    model = job.fine_tuned_model
    answer = client.classifiers.classify(model=model, inputs=["you stupid idiot", "thank you"])
    assert answer.model == model
    for result in answer.results:
        assert set(result["moderation"].scores) == {"safe", "insult"}
        assert sum(result["tone"].scores.values()) == pytest.approx(1.0, abs=1e-4)
    rude, kind = answer.results
    assert rude["tone"].scores["rude"] > kind["tone"].scores["rude"]
    one = client.classifiers.classify(model=model, inputs="thank you")
    assert one.results[0]["tone"].scores == kind["tone"].scores
    chat = {"messages": [{"role": "user", "content": "thank you"}]}
    same = client.classifiers.classify_chat(model=model, inputs=chat)
    assert same.results[0]["tone"].scores == kind["tone"].scores
    two = client.classifiers.classify_chat(model=model, inputs=[chat, chat])
    assert len(two.results) == 2
    body = {"model": model, "input": "thank you"}
    raw = httpx.post(f"{address}/v1/classifications", json=body).json()["results"][0]
    assert raw["tone"]["predictions"] == ["kind"]
    assert "threshold" not in raw["tone"]
    assert set(raw["moderation"]["threshold"]) == {"safe", "insult"}


@pytest.mark.parametrize("path", ["classifications", "chat/classifications"])
@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"input": "a"}, ["model"]),
        ({"model": "x"}, ["input"]),
        ({"model": "", "input": "a"}, ["model"]),
        ({"model": 1, "input": "a"}, ["model"]),
        ({"model": "x", "input": []}, ["input"]),
        ({"model": "x", "input": 1}, ["input"]),
        ({"model": "x", "input": [1]}, None),
    ],
    ids=str,
)
def test_wrong_classifications_are_named(
    address: str, path: str, body: dict[str, Any], loc: list[str] | None
) -> None:
    answer = httpx.post(f"{address}/v1/{path}", json=body)
    assert answer.status_code == 422
    assert loc is None or answer.json()["detail"][0]["loc"] == ["body", *loc]


def test_the_message_at_fault_is_named(address: str) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "robot", "content": "b"}]
    body = {"model": "x", "input": {"messages": turns}}
    answer = httpx.post(f"{address}/v1/chat/classifications", json=body)
    assert answer.json()["detail"][0]["loc"] == ["body", "input", "messages", 1, "role"]


def test_models_are_listed_changed_and_archived(client: Mistral, job: Any) -> None:
    model = job.fine_tuned_model
    cards = {card.id: card for card in client.models.list().data}
    assert cards[model].type == "fine-tuned"
    assert cards[model].job == job.id
    assert cards["ostraka-cascade"].type == "base"
    assert client.models.retrieve(model_id=model).root == "ostraka-lexical"
    changed = client.models.update(model_id=model, name="Mine", description="Of my own rows.")
    assert (changed.name, changed.archived, changed.model_type) == ("Mine", False, "classifier")
    assert changed.capabilities.completion_chat is False
    assert client.models.retrieve(model_id=model).name == "Mine"
    assert client.models.archive(model_id=model).archived is True
    with pytest.raises(SDKError) as error:
        client.classifiers.classify(model=model, inputs="a")
    body = json.loads(error.value.body)
    assert (error.value.status_code, body["type"], body["code"]) == (400, "invalid_model", "1500")
    assert client.models.unarchive(model_id=model).archived is False
    assert client.classifiers.classify(model=model, inputs="a").results


def test_a_model_is_pinned_by_its_digest(client: Mistral, address: str, job: Any) -> None:
    card = httpx.get(f"{address}/v1/models/{job.fine_tuned_model}").json()
    pinned = card["pinned_id"]
    assert client.classifiers.classify(model=pinned, inputs="a").results
    assert httpx.get(f"{address}/v1/models/{pinned}").json()["id"] == pinned
    wrong = f"{job.fine_tuned_model}@sha256:{'0' * 64}"
    with pytest.raises(SDKError) as error:
        client.classifiers.classify(model=wrong, inputs="a")
    assert error.value.status_code == 400


def test_models_are_deleted_and_base_models_not(client: Mistral) -> None:
    job = trained(client, training=examples(40, 3000), suffix="short-lived")
    assert client.models.delete(model_id=job.fine_tuned_model).deleted is True
    for call in (client.models.retrieve, client.models.delete):
        with pytest.raises(SDKError) as error:
            call(model_id=job.fine_tuned_model)
        assert error.value.status_code == 404
    with pytest.raises(SDKError) as error:
        client.classifiers.classify(model=job.fine_tuned_model, inputs="a")
    assert error.value.status_code == 400
    assert client.fine_tuning.jobs.get(job_id=job.id).fine_tuned_model == job.fine_tuned_model
    for name in ("ostraka-cascade", "omni-moderation-latest"):
        with pytest.raises(SDKError) as error:
            client.models.delete(model_id=name)
        assert error.value.status_code == 403
