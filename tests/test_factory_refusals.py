"""What the factory says of what it cannot use: where, what was wrong, what would be valid."""

from typing import Any

import httpx
import pytest
from factory_client import create, jsonl, refusal, upload, wait_for
from mistralai import Mistral
from mistralai.models import SDKError
from serving import served

pytest.importorskip("sklearn", reason="needs the train extra")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with served(tmp_path_factory.mktemp("refusals"), workers="1") as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Mistral:
    return Mistral(api_key="none", server_url=address)


def moods(count: int, *moods: str | list[str]) -> bytes:
    """Rows of the target `mood`, its labels in turn."""
    return jsonl(
        *(
            {"text": f"row {number}", "labels": {"mood": moods[number % len(moods)]}}
            for number in range(count)
        )
    )


@pytest.mark.parametrize("prefix", ["", "/mistral"])
def test_a_list_that_mistral_does_not_have_is_no_redirect(address: str, prefix: str) -> None:
    answer = httpx.get(f"{address}{prefix}/v1/fine_tuning/models")
    assert answer.status_code == 404
    assert answer.json()["object"] == "error"
    assert "/v1/models" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "body", "field", "valid"),
    [
        (
            "classifications",
            {"model": "m", "input": None},
            "input",
            "a string or a non-empty list of strings",
        ),
        ("classifications", {"model": None, "input": "a"}, "model", "a valid string"),
        ("chat/classifications", {"model": "m", "input": None}, "input", "an object with messages"),
        (
            "chat/moderations",
            {"model": "mistral-moderation-latest", "input": None},
            "input",
            "a list of messages",
        ),
        (
            "moderations",
            {"model": "mistral-moderation-latest", "input": None},
            "input",
            "a string or a non-empty list of strings",
        ),
    ],
)
def test_null_is_not_called_missing(
    address: str, path: str, body: dict[str, Any], field: str, valid: str
) -> None:
    status, told = refusal(httpx.post(f"{address}/v1/{path}", json=body))
    [problem] = told["detail"]
    assert (status, problem["loc"]) == (422, ["body", field])
    assert problem["msg"].startswith(f"Input should be {valid}")
    assert problem["msg"].endswith(", not null")


@pytest.mark.parametrize(
    ("rows", "target", "said"),
    [
        (
            moods(20, "glad"),
            None,
            "the rows give target 'mood' only the label 'glad'; it needs at least 2",
        ),
        (
            moods(20, "glad", "sad"),
            {"name": "tone", "labels": []},
            "no row has the target 'tone', which was given; the rows have 'mood'",
        ),
        (
            moods(20, "glad", "sad"),
            {"name": "mood", "labels": ["glad", "angry"]},
            "row 2: has the label 'sad' of target 'mood', which is none of those that were given: "
            "'glad', 'angry'",
        ),
        (
            moods(20, ["glad"], ["glad", "sad"], []),
            {"name": "mood", "labels": [], "loss_function": "single_class"},
            "row 2: has 2 labels for target 'mood', which is single_class: give one, as a string "
            "or a list of one",
        ),
    ],
)
def test_a_dry_run_names_the_target_at_fault(
    client: Mistral, address: str, rows: bytes, target: dict[str, Any] | None, said: str
) -> None:
    asked = {
        "model": "ostraka-lexical",
        "training_files": [upload(client, rows, "moods.jsonl")],
        "hyperparameters": {},
        "classifier_targets": [target] if target else [],
    }
    path = f"{address}/v1/fine_tuning/jobs?dry_run=true"
    status, told = refusal(httpx.post(path, json=asked, timeout=60))
    [problem] = told["detail"]
    assert (status, problem["type"], problem["loc"]) == (422, "rejected_rows", ["body"])
    assert said in problem["msg"]


def test_a_list_of_one_is_a_single_label_until_its_model_is_archived(client: Mistral) -> None:
    training = upload(client, moods(40, ["glad"], "sad"), "single.jsonl")
    validation = upload(client, moods(10, ["sad"], ["glad"]), "single-validation.jsonl")
    target = {"name": "mood", "labels": [], "weight": 1.0, "loss_function": "single_class"}
    job = create(
        client,
        training,
        validation_files=[validation],
        classifier_targets=[target],
        auto_start=True,
    )
    job = wait_for(client, job.id, ["SUCCESS"])
    [found] = job.classifier_targets
    assert (found.labels, found.loss_function) == (["glad", "sad"], "single_class")
    model = job.fine_tuned_model
    [result] = client.classifiers.classify(model=model, inputs="row 1").results
    assert sum(result["mood"].scores.values()) == pytest.approx(1.0, abs=1e-4)
    client.models.archive(model_id=model)
    with pytest.raises(SDKError, match=r"Invalid model: ft:\S+ \(it is archived\)"):
        client.classifiers.classify(model=model, inputs="row 1")


@pytest.mark.parametrize(
    ("path", "model", "why"),
    [
        ("classifications", "ostraka-cascade", " (base models are asked at /v1/moderations)"),
        ("classifications", "ft:none", ""),
        (
            "mistral/v1/moderations",
            "ft:none",
            " (fine-tuned models are asked at /v1/classifications)",
        ),
    ],
)
def test_a_model_that_cannot_be_asked_here_says_why(
    address: str, path: str, model: str, why: str
) -> None:
    place = path if "/v1/" in path else f"v1/{path}"
    answer = httpx.post(f"{address}/{place}", json={"model": model, "input": "a"})
    assert answer.status_code == 400
    assert answer.json() == {
        "object": "error",
        "message": f"Invalid model: {model}{why}",
        "type": "invalid_model",
        "param": None,
        "code": "1500",
    }
