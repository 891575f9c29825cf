"""Jobs of the classifier factory through the real SDK: states, refusals, what they tell."""

import json
import time
from typing import Any

import httpx
import pytest
from factory_client import create, example, examples, jsonl, upload, wait_for
from mistralai import Mistral
from mistralai.models import SDKError

pytest.importorskip("sklearn", reason="needs the train extra")


def test_a_job_tells_its_whole_life(job: Any) -> None:
    statuses = [e.data["status"] for e in job.events if e.name == "status-updated"]
    assert statuses == ["QUEUED", "VALIDATING", "VALIDATED", "QUEUED", "RUNNING", "SUCCESS"]
    assert [e.created_at for e in job.events] == sorted(e.created_at for e in job.events)
    told = [e.name for e in job.events if e.name not in ("status-updated", "estimate")]
    assert told[-4:] == ["rows-read", "loading", "training-options", "evaluating"]
    assert "process-starting" in told
    notes = [e.data["note"] for e in job.events if e.name == "model-resolved"]
    assert notes and "ostraka-lexical" in notes[0]
    base, workspace, day, suffix, tail = job.fine_tuned_model.split(":")[2:]
    assert (base, suffix, tail) == ("ministral-3b-latest", "my.model-1", job.id[:8])
    assert (len(workspace), len(day)) == (8, 8)


def test_metadata_follow_the_formulas(job: Any) -> None:
    metadata, asked = job.metadata, job.hyperparameters
    assert asked.training_steps == 30
    assert metadata.train_tokens == 30 * metadata.train_tokens_per_step
    assert asked.epochs == metadata.train_tokens / metadata.data_tokens
    assert metadata.expected_duration_seconds > 0
    assert metadata.cost_currency == "EUR"
    assert metadata.estimated_start_time >= job.created_at
    assert job.trained_tokens == job.checkpoints[0].step_number * metadata.train_tokens_per_step


def test_checkpoints_come_newest_first_one_a_step(job: Any) -> None:
    steps = [each.step_number for each in job.checkpoints]
    assert steps == list(range(30, 0, -1))
    evaluated = [c.step_number for c in job.checkpoints if c.metrics.valid_loss != 0]
    assert evaluated == [30, 25]
    for checkpoint in job.checkpoints:
        assert checkpoint.metrics.train_loss is not None
        assert checkpoint.metrics.valid_mean_token_accuracy is not None


def test_targets_are_those_of_the_data(job: Any) -> None:
    shown = [(t.name, t.labels, t.weight, t.loss_function) for t in job.classifier_targets]
    assert shown == [
        ("moderation", ["safe", "insult"], 1.0, "multi_class"),
        ("tone", ["kind", "rude"], 1.0, "single_class"),
    ]


def test_jobs_are_listed_and_filtered(client: Mistral, job: Any) -> None:
    jobs = client.fine_tuning.jobs
    assert job.id in [each.id for each in jobs.list().data]
    for wanted in (
        {"suffix": "my.model-1"},
        {"model": "ministral-3b-latest"},
        {"status": "SUCCESS", "suffix": "my.model-1"},
        {"created_by_me": False, "suffix": "my.model-1"},
    ):
        found = jobs.list(**wanted)
        assert [each.id for each in found.data] == [job.id]
        assert found.total == 1
    assert jobs.list(suffix="none").total == 0
    assert jobs.list(wandb_project="none").data == []
    assert jobs.list(page=50).data == []


def test_list_takes_moments_and_refuses_nonsense(address: str, job: Any) -> None:
    url = f"{address}/v1/fine_tuning/jobs"
    later = httpx.get(url, params={"created_after": job.created_at + 3600}).json()
    assert later["total"] == 0
    before = {"created_before": "2100-01-01T00:00:00Z", "suffix": "my.model-1"}
    assert httpx.get(url, params=before).json()["total"] == 1
    for name, value in (
        ("page", "x"),
        ("page_size", "0"),
        ("status", "??"),
        ("created_after", "?"),
    ):
        refused = httpx.get(url, params={name: value})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["query", name]


FILE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"model": None}, ["model"]),
        ({"hyperparameters": None}, ["hyperparameters"]),
        ({"hyperparameters": {"learning_rte": 1}}, ["hyperparameters", "learning_rte"]),
        ({"hyperparameters": {"training_steps": 0}}, ["hyperparameters", "training_steps"]),
        ({"hyperparameters": {"learning_rate": 2}}, ["hyperparameters", "learning_rate"]),
        ({"hyperparameters": {"seq_len": 99}}, ["hyperparameters", "seq_len"]),
        ({"hyperparameters": {"epochs": 0}}, ["hyperparameters", "epochs"]),
        ({"hyperparameters": {"warmup_fraction": 1.5}}, ["hyperparameters", "warmup_fraction"]),
        ({"misspelt": 1}, ["misspelt"]),
        ({"job_type": "completion"}, ["job_type"]),
        ({"suffix": "x" * 19}, ["suffix"]),
        ({"suffix": "a:b"}, ["suffix"]),
        ({"training_files": []}, ["training_files"]),
        ({"training_files": ["no uuid"]}, ["training_files", 0, "file_id"]),
        ({"training_files": [{"file_id": FILE, "weight": 0}]}, ["training_files", 0, "weight"]),
        ({"invalid_sample_skip_percentage": 0.6}, ["invalid_sample_skip_percentage"]),
        ({"repositories": [{"type": "github"}]}, ["repositories"]),
        ({"validation_files": [FILE]}, []),
        ({"test_files": [FILE]}, []),
        ({"test_files": ["no uuid"]}, ["test_files", 0]),
        (
            {"integrations": [{"type": "wandb", "project": "p", "api_key": "private"}]},
            ["integrations", 0, "api_key"],
        ),
        (
            {"classifier_targets": [{"name": "t", "labels": ["one"]}]},
            ["classifier_targets", 0, "labels"],
        ),
    ],
    ids=str,
)
def test_wrong_fields_are_named(address: str, change: dict[str, Any], loc: list[Any]) -> None:
    body = {"model": "ostraka-lexical", "training_files": [FILE], "hyperparameters": {}} | change
    if change.get("model", ...) is None:
        del body["model"]
    answer = httpx.post(f"{address}/v1/fine_tuning/jobs", json=body)
    assert answer.status_code == 422
    [detail] = answer.json()["detail"]
    assert detail["loc"] == ["body", *loc]
    assert detail["msg"]
    assert "private" not in answer.text, "what was sent may be a key"


def test_what_is_not_there_is_404(client: Mistral, address: str) -> None:
    jobs = client.fine_tuning.jobs
    for call in (jobs.get, jobs.start, jobs.cancel):
        with pytest.raises(SDKError) as error:
            call(job_id=FILE)
        assert error.value.status_code == 404
        assert FILE in json.loads(error.value.body)["message"]
    with pytest.raises(SDKError) as error:
        create(client, FILE)
    assert error.value.status_code == 404
    unknown = {"model": "gpt", "training_files": [FILE], "hyperparameters": {}}
    answer = httpx.post(f"{address}/v1/fine_tuning/jobs", json=unknown)
    assert (answer.status_code, answer.json()["code"]) == (400, "1500")


def test_plain_ids_and_no_steps_will_do(client: Mistral, address: str) -> None:
    file = upload(client, examples(40, 300), "plain.jsonl")
    body = {"model": "ostraka-lexical", "training_files": [file], "hyperparameters": {}}
    made = httpx.post(f"{address}/v1/fine_tuning/jobs", json=body)
    assert made.status_code == 200
    assert "events" not in made.json()
    job = wait_for(client, made.json()["id"], ["VALIDATED"])
    assert job.hyperparameters.training_steps >= 1
    assert client.fine_tuning.jobs.cancel(job_id=job.id).status == "CANCELLED"


def test_the_same_job_is_not_queued_twice(client: Mistral) -> None:
    file = upload(client, examples(30, 600), "twice.jsonl")
    job = create(client, file)
    with pytest.raises(SDKError) as error:
        create(client, file)
    assert error.value.status_code == 409
    assert "already" in json.loads(error.value.body)["message"]
    other = create(client, file, suffix="other")
    for each in (job, other):
        client.fine_tuning.jobs.cancel(job_id=each.id)
    client.fine_tuning.jobs.cancel(job_id=create(client, file).id)


def test_a_dry_run_makes_nothing(client: Mistral, address: str) -> None:
    file = upload(client, examples(30, 900), "dry.jsonl")
    before = client.fine_tuning.jobs.list().total
    body = {"model": "ostraka-lexical", "training_files": [file]}
    asked = body | {"hyperparameters": {"training_steps": 4}}
    answer = httpx.post(f"{address}/v1/fine_tuning/jobs?dry_run=true", json=asked, timeout=60)
    metadata = answer.json()
    assert answer.status_code == 200
    assert (metadata["object"], metadata["deprecated"]) == ("job.metadata", True)
    assert metadata["train_tokens"] == 4 * metadata["train_tokens_per_step"]
    assert "30 training" in metadata["details"]
    assert client.fine_tuning.jobs.list().total == before


def test_keys_of_integrations_are_never_kept(client: Mistral, address: str) -> None:
    file = upload(client, examples(30, 1200), "wandb.jsonl")
    key = "k" * 40
    integration = {"type": "wandb", "project": "p", "api_key": key, "run_name": "run"}
    job = create(client, file, integrations=[integration])
    assert job.integrations[0].project == "p"
    assert job.integrations[0].run_name == "run"
    text = httpx.get(f"{address}/v1/fine_tuning/jobs/{job.id}").text
    assert key not in text
    assert "api_key" not in text
    assert client.fine_tuning.jobs.list(wandb_project="p").total == 1
    client.fine_tuning.jobs.cancel(job_id=job.id)


def test_faulty_rows_fail_the_validation_by_name(client: Mistral) -> None:
    rows = [example(n) for n in range(10)]
    rows[3] = {"text": "no labels"}
    rows[6] = {"messages": [{"role": "user", "content": "a"}], "labels": {"tone": "kind"}}
    file = upload(client, jsonl(*rows), "faulty.jsonl")
    job = wait_for(client, create(client, file, auto_start=True).id, ["FAILED_VALIDATION"])
    faulty = [event.data for event in job.events if event.name == "faulty-row"]
    assert [(each["file"], each["row"]) for each in faulty] == [
        ("faulty.jsonl", 4),
        ("faulty.jsonl", 7),
    ]
    assert "labels" in faulty[0]["reason"]
    assert "one kind of rows" in faulty[1]["reason"]
    assert "2 of 10" in job.events[-1].data["message"]
    with pytest.raises(SDKError) as error:
        client.fine_tuning.jobs.start(job_id=job.id)
    assert error.value.status_code == 409
    skipping = create(client, file, invalid_sample_skip_percentage=0.2)
    job = wait_for(client, skipping.id, ["VALIDATED"])
    assert "rows-skipped" in [event.name for event in job.events]
    client.fine_tuning.jobs.cancel(job_id=job.id)


def test_steps_are_those_of_the_rows_that_are_learnt_from(client: Mistral) -> None:
    file = upload(client, examples(400, 3000), "held-back.jsonl")
    asked = {"hyperparameters": {"epochs": 3}, "auto_start": True}
    job = wait_for(client, create(client, file, **asked).id, ["SUCCESS"])
    assert job.checkpoints[0].step_number == job.hyperparameters.training_steps
    assert job.trained_tokens == job.metadata.train_tokens
    assert "validation-held-out" in [event.name for event in job.events]
    alone = upload(client, examples(1, 3400), "alone.jsonl")
    with_one = wait_for(client, create(client, alone).id, ["FAILED_VALIDATION"])
    assert "at least 2" in with_one.events[-1].data["message"]


@pytest.mark.parametrize(
    ("validation", "said"),
    [
        ({"text": "a", "labels": {"tone": "new"}}, "the label 'new' of target 'tone'"),
        ({"text": "a", "labels": {"other": "new"}}, "the target 'other'"),
    ],
)
def test_validation_rows_teach_nothing_new(
    client: Mistral, validation: dict[str, Any], said: str
) -> None:
    file = upload(client, examples(30, 1500), "taught.jsonl")
    extra = upload(client, jsonl(validation), f"{said[-5:-1]}.jsonl")
    job = create(client, file, validation_files=[extra], auto_start=True)
    job = wait_for(client, job.id, ["FAILED_VALIDATION"])
    assert said in str([event.data for event in job.events])


def test_a_model_is_measured_on_test_rows(client: Mistral, address: str) -> None:
    training = upload(client, examples(60, 8000), "measured.jsonl")
    test = upload(client, examples(24, 9000), "measured.jsonl")  # the same name, other bytes
    asked = {
        "model": "ostraka-lexical",
        "training_files": [training],
        "test_files": [test],
        "hyperparameters": {"training_steps": 5},
        "auto_start": True,
    }
    path = f"{address}/v1/fine_tuning/jobs"
    estimate = httpx.post(path, params={"dry_run": "true"}, json=asked).json()
    assert estimate["details"] == "60 training, 0 validation and 24 test rows."
    job = httpx.post(path, json=asked).json()
    assert job["test_files"] == [test]
    wait_for(client, job["id"], ["SUCCESS"])
    events = httpx.get(f"{path}/{job['id']}").json()["events"]
    [read] = [event["data"] for event in events if event["name"] == "rows-read"]
    assert read == {"training": 60, "validation": 0, "test": 24}
    assert {"name": "evaluating", "data": {"rows": 30}}.items() <= events[-2].items()
    extra = upload(client, jsonl({"text": "a", "labels": {"tone": "new"}}), "strange.jsonl")
    job = httpx.post(path, json=asked | {"test_files": [extra]}).json()
    job = wait_for(client, job["id"], ["FAILED_VALIDATION"])
    assert "1 of 1 test rows are faulty" in job.events[-1].data["message"]


def test_given_targets_are_held_against_the_rows(client: Mistral) -> None:
    file = upload(client, examples(30, 1800), "given.jsonl")
    given = [{"name": "moderation", "labels": ["safe", "spam"], "weight": 1.0}]
    job = create(client, file, classifier_targets=given, auto_start=True)
    job = wait_for(client, job.id, ["FAILED_VALIDATION"])
    assert "'insult'" in str([event.data for event in job.events])
    given = [{"name": "none", "labels": ["a", "b"], "weight": 1.0}]
    job = create(client, file, classifier_targets=given)
    job = wait_for(client, job.id, ["FAILED_VALIDATION"])
    assert job.events[-1].data["message"] == (
        "no row has the target 'none', which was given; the rows have 'moderation', 'tone'"
    )
    given = [{"name": "moderation", "labels": ["spam", "insult", "safe"], "weight": 2.0}]
    job = wait_for(client, create(client, file, classifier_targets=given).id, ["VALIDATED"])
    assert job.classifier_targets[0].labels == ["spam", "insult", "safe"]
    assert job.classifier_targets[0].weight == 2.0
    client.fine_tuning.jobs.cancel(job_id=job.id)


def test_doubles_across_files_are_told(client: Mistral) -> None:
    file = upload(client, examples(30, 2100), "doubles.jsonl")
    extra = upload(client, examples(5, 2100), "doubles-validation.jsonl")
    job = create(client, file, validation_files=[extra])
    job = wait_for(client, job.id, ["VALIDATED"])
    [told] = [event.data for event in job.events if event.name == "duplicate-rows"]
    assert told["count"] == 5
    assert told["rows"][0] == {"file": "doubles-validation.jsonl", "row": 1}
    client.fine_tuning.jobs.cancel(job_id=job.id)


def test_a_running_job_is_cancelled_within_two_seconds(client: Mistral) -> None:
    file = upload(client, examples(60, 2400), "long.jsonl")
    job = create(client, file, hyperparameters={"training_steps": 100_000}, auto_start=True)
    wait_for(client, job.id, ["RUNNING"])
    time.sleep(1)
    started = time.monotonic()
    answered = client.fine_tuning.jobs.cancel(job_id=job.id)
    assert answered.status in ("CANCELLATION_REQUESTED", "CANCELLED")
    ended = wait_for(client, job.id, ["CANCELLED"])
    assert time.monotonic() - started < 2
    assert ended.fine_tuned_model is None
    assert client.fine_tuning.jobs.cancel(job_id=job.id).status == "CANCELLED"


def test_a_job_outlives_its_files(client: Mistral) -> None:
    file = upload(client, examples(40, 2700), "outlived.jsonl")
    job = create(client, file)
    wait_for(client, job.id, ["VALIDATED"])
    client.files.delete(file_id=file)
    started = client.fine_tuning.jobs.start(job_id=job.id)
    assert started.status == "QUEUED"
    assert client.fine_tuning.jobs.start(job_id=job.id).status in ("QUEUED", "RUNNING")
    done = wait_for(client, job.id, ["SUCCESS"])
    assert done.training_files == [file]
    for call in (client.fine_tuning.jobs.start, client.fine_tuning.jobs.cancel):
        with pytest.raises(SDKError) as error:
            call(job_id=job.id)
        assert error.value.status_code == 409
