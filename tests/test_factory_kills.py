"""Worker, server and training process killed at random moments: nothing lost, nothing doubled.

One run on each database here, in which each of them dies once; `make test-endurance` makes thirty.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from factory_client import create, examples, upload
from mistralai import Mistral
from serving import start_server
from sqlalchemy import select

from ostraka.factory.base import Factory
from ostraka.factory.folders import attempt_folder
from ostraka.factory.tables import ModelRow
from ostraka.settings import load_settings
from ostraka.storage.database import Database
from ostraka.storage.objects import ObjectStore
from ostraka.work.tables import State, WorkRow

pytest.importorskip("sklearn", reason="needs the train extra")

RUNS = 30
KILLS = 3
VICTIMS = ("worker", "child", "server")
SETTINGS = {"workers": "1", "lease_seconds": "2"}
PATIENCE_SECONDS = 180.0


def descendants(pid: int) -> dict[str, int]:
    """The worker of a server and the training process of that, as far as there are any."""
    found = {"server": pid}
    for name, words in (("worker", "ostraka worker"), ("child", "ostraka.factory.child")):
        for each in children(found.get("worker", pid)):
            if words in command_of(each):
                found[name] = each
    return found


def children(pid: int) -> list[int]:
    answer = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    )
    return [int(word) for word in answer.stdout.split()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


class Service:
    """A server that is started again when it was killed."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self._start()

    def _start(self) -> None:
        settings = SETTINGS | {"database_url": self.database_url}
        self.process, address = start_server(self.folder, **settings)
        self.client = Mistral(api_key="none", server_url=address, timeout_ms=8_000)

    def kill(self, victim: str) -> bool:
        """Kill a process of the service, if it has such a one right now."""
        pid = descendants(self.process.pid).get(victim)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        if victim == "server":
            self.process.wait()
            self._start()
        return True

    def job(self, job_id: str) -> Any:
        return self.client.fine_tuning.jobs.get(job_id=job_id)

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    service = Service(tmp_path, database_url)
    yield service
    service.close()


def test_one_job_one_model_whoever_dies(service: Service) -> None:
    rng = random.Random(0)
    finish_a_job(service, rng.sample(VICTIMS, k=len(VICTIMS)), rng)


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(RUNS))
def test_one_job_one_model_however_often_they_die(service: Service, seed: int) -> None:
    rng = random.Random(seed)
    finish_a_job(service, rng.choices(VICTIMS, k=KILLS), rng)


class Patience:
    """Runs out when a job has not moved for a while, however long it takes as a whole."""

    def __init__(self) -> None:
        self._seen: object = None
        self._end = 0.0

    def check(self, job: Any) -> None:
        """Fail if the job stands where it stood `PATIENCE_SECONDS` ago."""
        seen = job.status, len(job.events), len(job.checkpoints)
        if seen != self._seen:
            self._seen, self._end = seen, time.monotonic() + PATIENCE_SECONDS
        assert time.monotonic() < self._end, (seen, job.events)


def finish_a_job(service: Service, kills: Sequence[str], rng: random.Random) -> None:
    """Train a model while the processes named in `kills` die one after the other."""
    file = upload(service.client, examples(200, rng.randrange(1000)))
    steps = 1500
    job_id = create(
        service.client, file, hyperparameters={"training_steps": steps}, auto_start=True
    ).id
    patience = Patience()
    for victim in kills:
        time.sleep(rng.uniform(0.1, 2.5))
        while not service.kill(victim):
            if (job := service.job(job_id)).status == "SUCCESS":
                break
            patience.check(job)
            time.sleep(0.02)
    while (job := service.job(job_id)).status not in ("SUCCESS", "FAILED", "FAILED_VALIDATION"):
        patience.check(job)
        time.sleep(0.2)
    assert job.status == "SUCCESS", job.events
    statuses = [e.data["status"] for e in job.events if e.name == "status-updated"]
    assert statuses == ["QUEUED", "VALIDATING", "VALIDATED", "QUEUED", "RUNNING", "SUCCESS"]
    assert [c.step_number for c in job.checkpoints] == list(range(steps, 0, -1))
    answer = service.client.classifiers.classify(model=job.fine_tuned_model, inputs=["an idiot"])
    assert answer.results
    check_what_is_kept(service, job)


def unfinished(database: Database) -> list[tuple[str, str]]:
    """Queue and state of the work that is still to do."""
    wanted = select(WorkRow.queue, WorkRow.state).where(
        WorkRow.state.not_in([State.DONE, State.CANCELLED])
    )
    with database.reading() as session:
        return [(queue, str(state)) for queue, state in session.execute(wanted)]


def check_what_is_kept(service: Service, job: Any) -> None:
    """One model, whole; no work left; no working folder; no upload of a lost attempt is served."""
    data = service.folder / ".ostraka"
    database = Database.at(service.database_url)
    with database.reading() as session:
        [model] = session.scalars(select(ModelRow)).all()
    end = time.monotonic() + 30  # a lease that a killed worker left must run out first
    while left := unfinished(database):
        assert time.monotonic() < end, left
        time.sleep(0.2)
    database.close()
    assert model.id == job.fine_tuned_model
    objects = ObjectStore(str(data / "objects"))
    assert f"{model.object_prefix}/manifest.json" in list(objects.list("models/"))
    end = time.monotonic() + 15
    while list((data / "jobs").iterdir()):
        assert time.monotonic() < end, "the job's folder stays"
        time.sleep(0.2)


TAKE_OVER = """
import sys
from ostraka.factory.base import Factory
from ostraka.factory.folders import attempt_folder
from ostraka.settings import load_settings
attempt_folder(Factory.open(load_settings(data_dir=sys.argv[1])), "job", 2)
"""


def test_a_worker_killed_while_it_takes_work_over_loses_none_of_it(tmp_path: Path) -> None:
    job = tmp_path / "jobs" / "job"
    former = job / "attempt-1" / "work" / "checkpoints"
    former.mkdir(parents=True)
    for number in range(8_000):
        (former / f"{number}.bin").write_bytes(bytes(100))
    with subprocess.Popen([sys.executable, "-c", TAKE_OVER, str(tmp_path)]) as worker:
        while len(list(job.glob("attempt-2/**/*.bin"))) < 20:
            assert worker.poll() is None
        worker.kill()
    assert len(list(job.glob("attempt-2/**/*.bin"))) < 8_000, "it was killed half-way"
    folder = attempt_folder(Factory.open(load_settings(data_dir=tmp_path)), "job", 3)
    assert len(list((folder / "work" / "checkpoints").iterdir())) == 8_000
    assert [each.name for each in folder.iterdir()] == ["work"]
    assert [each.name for each in job.iterdir()] == ["attempt-3"]


def test_an_attempt_keeps_what_it_has(tmp_path: Path) -> None:
    factory = Factory.open(load_settings(data_dir=tmp_path))
    for token in (1, 1, 2):
        folder = attempt_folder(factory, "job", token)
        (folder / "work").mkdir(exist_ok=True)
        with (folder / "work" / "curve.jsonl").open("a") as curve:
            curve.write(f"{token}\n")
    assert (folder / "work" / "curve.jsonl").read_text() == "1\n1\n2\n"
    (folder / "work" / "curve.jsonl").unlink()
    assert list((attempt_folder(factory, "job", 3) / "work").iterdir()) == []


def test_a_worker_does_not_outlive_its_server(tmp_path: Path) -> None:
    process, address = start_server(tmp_path, **SETTINGS)
    assert httpx.get(f"{address}/v1/files").status_code == 200
    end = time.monotonic() + 20
    while "worker" not in (pids := descendants(process.pid)):
        assert time.monotonic() < end
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while "ostraka worker" in command_of(pids["worker"]):
        assert time.monotonic() < end, "the worker goes on"
        time.sleep(0.1)
