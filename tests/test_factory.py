"""The classifier factory through the real SDKs, against a really started server and its worker."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from factory_client import ENDED, create, example, examples, jsonl, trained, upload, wait_for
from mistralai import Mistral
from mistralai.models import SDKError
from serving import make_key, served, start_server

from ostraka.access.keys import Scope
from ostraka.factory.base import Factory
from ostraka.factory.files import keep_file
from ostraka.factory.uploads import Upload
from ostraka.settings import Settings

pytest.importorskip("sklearn", reason="needs the train extra")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = {"workers": "1", "max_file_bytes": "100000"}
    if request.param == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql_cluster").new_database()
    with served(tmp_path_factory.mktemp("factory"), **settings) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Mistral:
    return Mistral(api_key="none", server_url=address)


@pytest.fixture(scope="module")
def job(client: Mistral) -> Any:
    """A job that went the notebook's way, all its states seen."""
    training = upload(client, examples(60))
    validation = upload(client, examples(20, 1000), "validation_file.jsonl")
    job = create(
        client,
        training,
        model="ministral-3b-latest",
        validation_files=[validation],
        hyperparameters={"training_steps": 30, "learning_rate": 5e-5},
        suffix="my.model-1",
        auto_start=False,
    )
    assert job.status == "QUEUED"
    assert job.metadata.cost == 0.0
    assert job.metadata.train_tokens is None
    assert job.hyperparameters.epochs is None
    job = wait_for(client, job.id, ["VALIDATED"])
    client.fine_tuning.jobs.start(job_id=job.id)
    retrieved = client.fine_tuning.jobs.get(job_id=job.id)
    while retrieved.status in ["QUEUED", "RUNNING"]:
        time.sleep(0.1)
        retrieved = client.fine_tuning.jobs.get(job_id=job.id)
        # Set in the same answer that first says so.
        assert (retrieved.status == "SUCCESS") == (retrieved.fine_tuned_model is not None)
    assert retrieved.status == "SUCCESS", retrieved.events
    return retrieved


# Files


def test_a_file_has_the_fields_of_both_vendors(client: Mistral, address: str) -> None:
    kept = client.files.upload(file={"file_name": "a.jsonl", "content": examples(4)})
    assert (kept.num_lines, kept.purpose, kept.source) == (4, "fine-tune", "upload")
    assert kept.sample_type == "instruct"
    assert len(kept.signature) == 16
    raw = httpx.get(f"{address}/v1/files/{kept.id}").json()
    assert raw["bytes"] == len(examples(4))
    assert raw["mimetype"] == "application/jsonl"
    assert raw["visibility"] == "workspace"
    assert raw["deleted"] is False
    assert raw["status"] == "processed"
    again = client.files.upload(file={"file_name": "a.jsonl", "content": examples(4)})
    assert again.id == kept.id
    other = client.files.upload(file={"file_name": "b.jsonl", "content": examples(4)})
    assert other.id != kept.id


def test_the_same_file_at_the_same_time_is_one(client: Mistral) -> None:
    content = examples(7, 5000)
    with ThreadPoolExecutor(4) as pool:
        ids = {*pool.map(lambda _: upload(client, content, "race.jsonl"), range(8))}
    assert len(ids) == 1


def test_the_same_file_lives_as_long_as_the_last_upload_asks(address: str, tmp_path: Path) -> None:
    def kept(**form: str) -> dict[str, Any]:
        files = {"file": ("lives.jsonl", examples(5, 6000))}
        answer: dict[str, Any] = httpx.post(f"{address}/v1/files", files=files, data=form).json()
        return answer

    first, later, shorter = kept(expiry="1"), kept(expiry="5"), kept(expiry="2")
    assert first["expires_at"] < later["expires_at"] == shorter["expires_at"]
    assert kept()["expires_at"] is None is kept(expiry="1")["expires_at"]
    factory = Factory.open(Settings(data_dir=tmp_path))
    expired = Upload("a.jsonl", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    gone = keep_file(factory, expired, BytesIO(examples(3)))
    again = keep_file(factory, Upload("a.jsonl"), BytesIO(examples(3)))
    assert (again.id != gone.id, again.expires_at) == (True, None)
    factory.database.close()


def test_files_are_listed_filtered_and_paged(client: Mistral) -> None:
    ids = [upload(client, examples(3, 100 * n), f"paged-{n}.jsonl") for n in range(3)]
    batch = client.files.upload(
        file={"file_name": "paged.jsonl", "content": b'{"custom_id": "1"}\n'}, purpose="batch"
    )
    found = client.files.list(search="paged-")
    assert [each.id for each in found.data] == ids[::-1]
    assert found.total == 3
    second = client.files.list(search="paged-", page=1, page_size=2)
    assert [each.id for each in second.data] == ids[:1]
    assert [each.id for each in client.files.list(purpose="batch").data] == [batch.id]
    both = client.files.list(sample_type=["batch_request", "pretrain"], source=["upload"])
    assert [each.id for each in both.data] == [batch.id]
    assert client.files.list(source=["mistral"]).data == []
    assert not isinstance(client.files.list(search="paged", include_total=False).total, int)


def test_bytes_come_back_and_by_signed_address(client: Mistral, address: str) -> None:
    content = examples(5)
    file = upload(client, content, "back.jsonl")
    assert client.files.download(file_id=file).read() == content
    plain = httpx.get(f"{address}/v1/files/{file}/content")
    assert plain.headers["content-type"] == "application/octet-stream"
    url = client.files.get_signed_url(file_id=file, expiry=1).url
    assert httpx.get(url).content == content
    expired = url.replace("expires=", "expires=1&x=")
    assert httpx.get(expired).status_code == 401
    forged = url[:-4] + "0000"
    assert httpx.get(forged).status_code == 401
    client.files.delete(file_id=file)
    assert httpx.get(url).status_code == 404


def test_a_deleted_file_is_gone(client: Mistral) -> None:
    file = upload(client, examples(6), "gone.jsonl")
    assert client.files.delete(file_id=file).deleted is True
    for call in (client.files.retrieve, client.files.delete, client.files.download):
        with pytest.raises(SDKError) as error:
            call(file_id=file)
        assert error.value.status_code == 404
    assert upload(client, examples(6), "gone.jsonl") != file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no rows"),
        (b"no json\n", "row 1: is not JSON"),
        (b'{"text": "a", "labels": {"x": "y"}}\n[]\n', "row 2: a row is an object"),
        (b'{"text": "a", "labels": {"x": "y"}}\n\xff\n', "row 2: is not UTF-8"),
        (b'{"text": "a"}\n{"text": "", "labels": {"x": "y"}}\n', "2 of 2 rows are faulty"),
        (b'{"text": "' + b"a" * 90_000 + b'"}\n' * 1, "row 1"),
    ],
)
def test_files_that_no_job_can_use_are_refused(client: Mistral, content: bytes, said: str) -> None:
    with pytest.raises(SDKError) as error:
        upload(client, content, "bad.jsonl")
    body = json.loads(error.value.body)
    assert error.value.status_code == 422
    assert body["detail"] == "Invalid file format."
    assert said in body["message"]


def test_uploads_of_another_kind_are_refused(client: Mistral, address: str) -> None:
    with pytest.raises(SDKError) as error:
        upload(client, b"a,b\n", "rows.csv")
    assert "only .jsonl is taken" in error.value.body
    with pytest.raises(SDKError) as error:
        client.files.upload(file={"file_name": "a.jsonl", "content": b"{}\n"}, purpose="assistants")
    assert json.loads(error.value.body)["detail"][0]["loc"] == ["body", "purpose"]
    with pytest.raises(SDKError) as error:
        upload(client, b"x" * 200_000, "large.jsonl")
    assert error.value.status_code == 413
    agent = {"user-agent": "mistral-client-python/1.12.4"}
    no_file = httpx.post(f"{address}/v1/files", files={"purpose": (None, "batch")}, headers=agent)
    assert no_file.json()["detail"][0]["loc"] == ["body", "file"]
    json_body = httpx.post(f"{address}/v1/files", json={}, headers=agent)
    assert json_body.status_code == 415


def test_openai_sdk_keeps_files_too(address: str) -> None:
    client = openai.OpenAI(api_key="none", base_url=f"{address}/v1", max_retries=0)
    kept = client.files.create(file=("openai.jsonl", examples(3)), purpose="fine-tune")
    assert kept.status == "processed"
    assert client.files.retrieve(kept.id).filename == "openai.jsonl"
    assert client.files.content(kept.id).read() == examples(3)
    other = client.files.create(file=("openai-2.jsonl", examples(3)), purpose="fine-tune")
    listed = [each.id for each in client.files.list(limit=1)]
    assert listed[:2] == [other.id, kept.id]
    assert len(listed) == len(set(listed))
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(kept.id)
    with pytest.raises(openai.UnprocessableEntityError, match="not JSON"):
        client.files.create(file=("bad.jsonl", b"bad\n"), purpose="fine-tune")


# Jobs


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


# Models and classifications


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


# Keys, limits, and a server without workers


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server with one key of each of two scopes, and no worker."""
    url = f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}"
    keys = {scope: make_key(url, scope)[1] for scope in (Scope.MODERATE, Scope.TRAIN)}
    process, address = start_server(tmp_path, database_url=url, data_dir=str(tmp_path / "kept"))
    yield address, keys
    process.terminate()
    assert process.wait(20) == 0


def test_training_needs_its_scope(locked: tuple[str, dict[str, str]]) -> None:
    address, keys = locked
    moderate = Mistral(api_key=keys[Scope.MODERATE], server_url=address)
    train = Mistral(api_key=keys[Scope.TRAIN], server_url=address)
    for refused in (
        lambda: upload(moderate, examples(4)),
        lambda: moderate.fine_tuning.jobs.list(),
        lambda: moderate.models.delete(model_id="ft:x"),
        lambda: moderate.models.archive(model_id="ft:x"),
        lambda: train.classifiers.classify(model="ft:x", inputs="a"),
    ):
        with pytest.raises(SDKError) as error:
            refused()
        assert error.value.status_code == 403
    file = upload(train, examples(4))
    job = create(train, file)
    assert train.fine_tuning.jobs.list(created_by_me=True).total == 1
    assert train.fine_tuning.jobs.cancel(job_id=job.id).status == "CANCELLED"
    url = train.files.get_signed_url(file_id=file).url
    assert httpx.get(url).content == examples(4)
    nobody = httpx.get(f"{address}/v1/files/{file}/content")
    assert nobody.status_code == 401
    assert moderate.models.list().data
    assert ENDED
