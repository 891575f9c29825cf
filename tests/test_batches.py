"""Batches through the real SDK, on a really started server with its worker."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mistralai import Mistral
from mistralai.models import BatchJobOut, SDKError
from serving import start_server

from ostraka.errors import ConflictError
from ostraka.factory.batch_states import BATCH_FINAL, BatchStatus, after_cancel, after_run

RUDE, KIND = "You are a stupid idiot.", "Thank you, have a nice day."


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    settings = {}
    if request.param == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql_cluster").new_database()
    folder: Path = tmp_path_factory.mktemp("batches")
    process, address = start_server(folder, workers="1", lease_seconds="3", **settings)
    yield address
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def client(address: str) -> Mistral:
    return Mistral(api_key="none", server_url=address)


def upload(client: Mistral, lines: list[Any], purpose: str = "batch") -> str:
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    name = f"requests-{time.monotonic_ns()}.jsonl"
    file = {"file_name": name, "content": content}
    return client.files.upload(file=file, purpose=purpose).id  # type: ignore[arg-type]


def finished(client: Mistral, job: BatchJobOut) -> BatchJobOut:
    for _ in range(300):
        job = client.batch.jobs.get(job_id=job.id)
        if BatchStatus(job.status) in BATCH_FINAL:
            return job
        time.sleep(0.1)
    raise AssertionError(f"still {job.status}")


def rows(client: Mistral, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    content = client.files.download(file_id=file_id).read()
    return [json.loads(line) for line in content.splitlines()]


def test_a_batch_answers_what_single_calls_do(client: Mistral) -> None:
    lines = [
        {"custom_id": f"row-{number}", "body": {"input": [text]}}
        for number, text in enumerate([RUDE, KIND] * 40)
    ]
    job = client.batch.jobs.create(
        input_files=[upload(client, lines)],
        endpoint="/v1/moderations",
        model="mistral-moderation-latest",
    )
    assert (job.status, job.total_requests, job.output_file) == ("QUEUED", 80, None)
    job = finished(client, job)
    assert (job.status, job.succeeded_requests, job.failed_requests) == ("SUCCESS", 80, 0)
    assert job.error_file is None
    answers = rows(client, job.output_file)
    assert [each["custom_id"] for each in answers] == [f"row-{number}" for number in range(80)]
    single = client.classifiers.moderate(model="mistral-moderation-latest", inputs=[RUDE])
    assert answers[0]["response"]["body"]["results"][0]["category_scores"] == pytest.approx(
        single.results[0].category_scores, abs=1e-5
    )


def test_what_cannot_be_answered_is_told_apart(client: Mistral) -> None:
    lines = [
        {"body": {"input": KIND, "model": "mistral-moderation-latest"}},
        {"body": {"input": KIND, "model": "unheard-of"}},
        {"body": {"model": "mistral-moderation-latest"}},
        {"custom_id": "mine"},
    ]
    job = client.batch.jobs.create(
        input_files=[upload(client, lines)], endpoint="/v1/chat/moderations"
    )
    job = finished(client, job)
    assert (job.succeeded_requests, job.failed_requests) == (0, 4)
    job = client.batch.jobs.create(input_files=[upload(client, lines)], endpoint="/v1/moderations")
    job = finished(client, job)
    assert (job.status, job.succeeded_requests, job.failed_requests) == ("SUCCESS", 1, 3)
    assert [each["custom_id"] for each in rows(client, job.output_file)] == ["0"]
    failures = {each["custom_id"]: each for each in rows(client, job.error_file)}
    assert failures["1"]["response"]["status_code"] == 400
    assert failures["1"]["response"]["body"]["code"] == "1500"
    assert failures["2"]["response"]["status_code"] == 422
    assert "no `body`" in failures["mine"]["error"]["message"]
    assert sum(error.count or 0 for error in job.errors) == 3


def test_requests_in_the_body_and_their_answers(address: str) -> None:
    requests = [{"custom_id": name, "body": {"input": name}} for name in ("a", "b")]
    body = {"endpoint": "/v1/moderations", "model": "omni-moderation-latest", "requests": requests}
    made = httpx.post(f"{address}/v1/batch/jobs", json=body).raise_for_status().json()
    assert (made["total_requests"], made["input_files"]) == (2, [])
    url = f"{address}/v1/batch/jobs/{made['id']}"
    for _ in range(300):
        found = httpx.get(url, params={"inline": "true"}).json()
        if found["status"] == "SUCCESS":
            break
        time.sleep(0.1)
    assert [each["custom_id"] for each in found["outputs"]] == ["a", "b"]
    assert found["outputs"][0]["response"]["body"]["results"][0]["flagged"] is False
    assert httpx.get(url).json()["outputs"] is None


def test_lists_and_filters(client: Mistral) -> None:
    lines = [{"body": {"input": KIND}}]
    made = [
        client.batch.jobs.create(
            input_files=[upload(client, lines)],
            endpoint="/v1/moderations",
            model="mistral-moderation-2411",
            metadata={"run": name},
        )
        for name in ("first", "second")
    ]
    for job in made:
        finished(client, job)
    found = client.batch.jobs.list(metadata={"run": "second"})
    assert [job.id for job in found.data or ()] == [made[1].id]
    by_model = client.batch.jobs.list(model="mistral-moderation-2411")
    assert [job.id for job in by_model.data or ()] == [made[1].id, made[0].id]
    oldest = client.batch.jobs.list(model="mistral-moderation-2411", order_by="created")
    assert [job.id for job in oldest.data or ()] == [made[0].id, made[1].id]
    page = client.batch.jobs.list(model="mistral-moderation-2411", page=1, page_size=1)
    assert ([job.id for job in page.data or ()], page.total) == ([made[0].id], 2)
    assert client.batch.jobs.list(status=["CANCELLED"], metadata={"run": "first"}).total == 0


def test_cancelling(client: Mistral) -> None:
    lines = [{"body": {"input": [f"{RUDE} {number}"] * 8}} for number in range(2000)]
    job = client.batch.jobs.create(
        input_files=[upload(client, lines)],
        endpoint="/v1/moderations",
        model="mistral-moderation-latest",
    )
    assert client.batch.jobs.cancel(job_id=job.id).status in ("CANCELLED", "CANCELLATION_REQUESTED")
    job = finished(client, job)
    assert job.status == "CANCELLED"
    assert job.completed_requests < 2000
    assert client.batch.jobs.cancel(job_id=job.id).status == "CANCELLED"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "endpoint"),
        ({"endpoint": "/v1/fim/completions", "requests": [{"body": {}}]}, "endpoint"),
        ({"endpoint": "/v1/moderations"}, "input_files or requests"),
        ({"endpoint": "/v1/moderations", "input_files": ["no id"]}, "input_files"),
        ({"endpoint": "/v1/moderations", "requests": [{"body": 1}]}, "requests"),
        (
            {"endpoint": "/v1/moderations", "requests": [{"body": {}}], "timeout_hours": 0},
            "timeout_hours",
        ),
    ],
)
def test_wrong_requests_name_their_field(address: str, body: dict[str, Any], field: str) -> None:
    answer = httpx.post(f"{address}/v1/batch/jobs", json=body)
    assert answer.status_code == 422
    assert field in json.dumps(answer.json()["detail"])


def test_unknown_files_and_batches(client: Mistral) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(SDKError) as missing:
        client.batch.jobs.get(job_id=nobody)
    assert missing.value.status_code == 404
    with pytest.raises(SDKError) as unknown:
        client.batch.jobs.create(input_files=[nobody], endpoint="/v1/moderations")
    assert unknown.value.status_code == 404
    other = upload(client, [{"text": "a", "labels": {"t": "b"}}], purpose="fine-tune")
    with pytest.raises(SDKError, match="purpose"):
        client.batch.jobs.create(input_files=[other], endpoint="/v1/moderations")


def test_a_batch_ends_once() -> None:
    for status, in_time in itertools.product(BatchStatus, (True, False)):
        assert after_run(status, in_time=in_time) in BATCH_FINAL
    for status in BATCH_FINAL - {BatchStatus.CANCELLED}:
        with pytest.raises(ConflictError):
            after_cancel(status)


# Without a worker that would end them
