"""Batches through the real SDK, on a really started server with its worker."""

import io
import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mistralai import Mistral
from mistralai.models import BatchJobOut, SDKError
from seeded_factory import seed
from serving import start_server
from sqlalchemy import select

from ostraka.errors import ConflictError
from ostraka.factory.base import Factory
from ostraka.factory.batch_requests import parse_batch
from ostraka.factory.batch_states import BATCH_FINAL, BatchStatus, after_cancel, after_run
from ostraka.factory.batches import (
    QUEUE,
    cancel_batch,
    create_batch,
    get_batch,
    remove_requests,
    show_batch,
)
from ostraka.factory.files import delete_file, keep_file, purge_files
from ostraka.factory.tables import FileRow, ModelRow
from ostraka.factory.upkeep import settle
from ostraka.factory.uploads import Upload
from ostraka.server.description.classifiers import FINE_TUNED
from ostraka.server.factory.batch_work import batch_handlers
from ostraka.settings import load_settings
from ostraka.work.leases import Lease, Leases
from ostraka.work.queue import cancel as cancel_work
from ostraka.work.tables import WorkRow
from ostraka.work.worker import WorkContext

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


@pytest.fixture
def factory(tmp_path: Path, database_url: str) -> Iterator[Factory]:
    factory = Factory.open(load_settings(data_dir=tmp_path / "data", database_url=database_url))
    yield factory
    factory.database.close()


def inline(factory: Factory, count: int = 2, **asked: Any) -> str:
    """A batch of requests in a body; returns its id."""
    asked = {"model": "omni-moderation-latest"} | asked
    requests = [{"body": {"input": f"{KIND} {number}"}} for number in range(count)]
    body = {"endpoint": "/v1/moderations", "requests": requests}
    return create_batch(factory, parse_batch(body | asked), None).id


def shown(factory: Factory, batch_id: str) -> dict[str, Any]:
    with factory.database.reading() as session:
        return show_batch(get_batch(session, batch_id))


def state_of_work(factory: Factory, batch_id: str) -> str:
    with factory.database.reading() as session:
        return session.get_one(WorkRow, get_batch(session, batch_id).work_id).state


def cancel(factory: Factory, batch_id: str) -> str:
    with factory.database.writing() as session:
        return cancel_batch(session, batch_id).status


def begun(factory: Factory, batch_id: str) -> Lease:
    """Leased to a worker, which has noted some answers."""
    [lease] = Leases(factory.database).claim([QUEUE], "a worker", 60)
    assert lease.payload == {"batch_id": batch_id}
    with factory.database.writing() as session:
        batch = get_batch(session, batch_id)
        batch.status, batch.succeeded_requests = str(BatchStatus.RUNNING), 1
    return lease


def make_old(factory: Factory, batch_id: str, hours: float) -> None:
    with factory.database.writing() as session:
        get_batch(session, batch_id).created_at -= timedelta(hours=hours)


def test_a_batch_whose_work_is_dead_fails(factory: Factory) -> None:
    lines = json.dumps({"body": {"input": KIND}}).encode()
    file = keep_file(factory, Upload("in.jsonl", "batch"), io.BytesIO(lines))
    asked = {"endpoint": "/v1/moderations", "model": "omni-moderation-latest"}
    batch = create_batch(factory, parse_batch(asked | {"input_files": [file.id]}), None)
    lease = begun(factory, batch.id)
    factory.objects.put(f"batches/{batch.id}/output-1", [b"of an attempt that was lost"])
    delete_file(factory, file.id)
    assert settle(factory) == 0, "a worker is at it"
    Leases(factory.database).fail(lease, "KeyError: 'x'", None)
    assert settle(factory) == 1
    found = shown(factory, batch.id)
    assert (found["status"], found["completed_requests"]) == ("FAILED", 0)
    assert found["completed_at"] >= found["created_at"]
    message = "The batch was given up after 1 attempts: KeyError: 'x'"
    assert found["errors"] == [{"message": message, "count": 1}]
    assert list(factory.objects.list("batches/")) == []
    assert purge_files(factory) == 1, "its inputs are needed no more"
    assert settle(factory) == 0


def test_a_batch_whose_work_was_cancelled_fails(factory: Factory) -> None:
    batch_id = inline(factory)
    with factory.database.writing() as session:
        assert cancel_work(session, get_batch(session, batch_id).work_id or "")
    assert settle(factory) == 1
    found = shown(factory, batch_id)
    assert found["status"] == "FAILED"
    assert found["errors"] == [{"message": "The work on the batch was cancelled.", "count": 1}]
    assert list(factory.objects.list("batches/")) == []


def test_a_batch_that_was_to_be_cancelled_is_when_its_worker_is_lost(factory: Factory) -> None:
    batch_id = inline(factory)
    lease = begun(factory, batch_id)
    assert cancel(factory, batch_id) == "CANCELLATION_REQUESTED"
    assert settle(factory) == 0
    Leases(factory.database).fail(lease, "KeyError: 'x'", timedelta(minutes=10))
    assert settle(factory) == 1
    found = shown(factory, batch_id)
    assert (found["status"], found["errors"]) == ("CANCELLED", [])
    assert state_of_work(factory, batch_id) == "cancelled"


def test_cancelling_waits_for_a_worker_only_where_there_is_one(factory: Factory) -> None:
    batch_id = inline(factory)
    leases, lease = Leases(factory.database), begun(factory, batch_id)
    assert cancel(factory, batch_id) == "CANCELLATION_REQUESTED"
    leases.fail(lease, "KeyError: 'x'", timedelta(minutes=10))
    for _ in range(2):
        assert cancel(factory, batch_id) == "CANCELLED"
    found = shown(factory, batch_id)
    assert found["completed_at"] is not None
    assert found["completed_requests"] == 0, "no answer of a lost attempt is kept"
    assert state_of_work(factory, batch_id) == "cancelled"
    dead = inline(factory)
    leases.fail(begun(factory, dead), "KeyError: 'x'", None)
    assert cancel(factory, dead) == "CANCELLED"
    assert state_of_work(factory, dead) == "dead"


def test_time_ends_what_nobody_is_at(factory: Factory) -> None:
    taken = inline(factory, timeout_hours=2)
    begun(factory, taken)
    left, young = inline(factory, timeout_hours=2), inline(factory, timeout_hours=4)
    for batch_id in (taken, left, young):
        make_old(factory, batch_id, 3)
    assert settle(factory) == 1
    states = [shown(factory, each)["status"] for each in (taken, left, young)]
    assert states == ["RUNNING", "TIMEOUT_EXCEEDED", "QUEUED"]
    assert state_of_work(factory, left) == "cancelled"
    assert "2 hours" in shown(factory, left)["errors"][0]["message"]


def test_texts_of_a_body_go_with_the_end_of_their_batch(factory: Factory) -> None:
    kept, ended = inline(factory), inline(factory)
    assert cancel(factory, ended) == "CANCELLED"
    factory.objects.put("batches/in-the-making/requests", [b"{}"])
    factory.objects.put(f"batches/{ended}/output-1", [b"{}"])
    strays = remove_requests(factory)
    assert strays == {"batches/in-the-making/requests"}
    left = {f"batches/{kept}/requests", f"batches/{ended}/output-1"}
    assert set(factory.objects.list("batches/")) == left | strays
    assert remove_requests(factory, strays) == set(), "minutes later"
    assert set(factory.objects.list("batches/")) == left


def answered(factory: Factory) -> None:
    """Let a worker answer the batch that is due."""
    leases = Leases(factory.database)
    [lease] = leases.claim([QUEUE], "a worker", 60)
    context = WorkContext(factory.database, leases, lease, threading.Event(), threading.Event())
    batch_handlers(factory)[lease.kind](lease, context)


def test_a_deeply_nested_body_fails_alone(factory: Factory) -> None:
    depths = range(700, 1200, 2)  # past what Python reads of JSON, wherever on the stack we are
    bodies = [b'{"input": "' + KIND.encode() + b'"}']
    bodies += [b'{"input": ' + b"[" * depth + b"]" * depth + b"}" for depth in depths]
    batch_id = inline(factory)
    lines = (b'{"body": ' + body + b"}\n" for body in bodies)
    factory.objects.put(f"batches/{batch_id}/requests", lines)
    answered(factory)
    found = shown(factory, batch_id)
    assert (found["status"], found["succeeded_requests"]) == ("SUCCESS", 1)
    assert found["failed_requests"] == len(depths)


def test_an_end_leaves_its_own_answers_alone(factory: Factory) -> None:
    batch_id = inline(factory)
    factory.objects.put(f"batches/{batch_id}/output-0", [b"of an attempt that was lost"])
    answered(factory)
    assert shown(factory, batch_id)["status"] == "SUCCESS"
    with factory.database.reading() as session:
        file = session.get_one(FileRow, get_batch(session, batch_id).output_file)
    assert list(factory.objects.list("batches/")) == [file.object_key]
    assert len(factory.objects.read(file.object_key).splitlines()) == 2


def test_a_request_that_nobody_can_answer_fails_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seed(tmp_path)
    factory = Factory.open(load_settings(data_dir=tmp_path))
    # Where the copy of a model belongs there is a file: what comes of that nobody expects.
    with factory.database.reading() as session:
        digest = session.scalars(select(ModelRow.digest)).one()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / digest).write_text("no folder")
    names = [FINE_TUNED, "unheard-of", FINE_TUNED]
    requests = [{"body": {"input": KIND, "model": name}} for name in names]
    batch_id = inline(factory, endpoint="/v1/classifications", model=None, requests=requests)
    with caplog.at_level(logging.ERROR, "ostraka.factory"):
        answered(factory)
    found = shown(factory, batch_id)
    assert (found["status"], found["failed_requests"]) == ("SUCCESS", 3)
    with factory.database.reading() as session:
        key = session.get_one(FileRow, found["error_file"]).object_key
    failures = [json.loads(line) for line in factory.objects.read(key).splitlines()]
    assert [each["response"]["status_code"] for each in failures] == [500, 400, 500]
    assert str(tmp_path) not in json.dumps(failures), "nothing of our insides is told"
    assert sorted(record.message for record in caplog.records) == [
        f"batch {batch_id}: request '{number}' failed" for number in (0, 2)
    ]
    factory.database.close()
