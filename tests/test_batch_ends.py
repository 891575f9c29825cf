"""How batches end that no worker answers to the end, and what must not stay behind."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from seeded_factory import seed
from sqlalchemy import select

from ostraka.factory.base import Factory
from ostraka.factory.batch_requests import parse_batch
from ostraka.factory.batch_states import BatchStatus
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

KIND = "Thank you, have a nice day."


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
