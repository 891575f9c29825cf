"""Jobs that really report to trackers, and a key that stands nowhere afterwards."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from factory_client import examples, trained, upload
from mistralai import Mistral
from seeded_factory import seed
from serving import start_server

from ostraka.factory.tables import JobRow
from ostraka.factory.tracking import with_address
from ostraka.storage.database import Database

pytest.importorskip("sklearn", reason="needs the train extra")
pytest.importorskip("wandb", reason="needs the wandb extra")
mlflow = pytest.importorskip("mlflow", reason="needs the mlflow extra")
pytest.importorskip("tensorboard", reason="needs the tensorboard extra")

ASKED_KEY = "a" * 20 + "sked" + "k" * 16
OWN_KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A job that reported to all trackers: the folder of its server, its answer, its text."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_API_KEY", OWN_KEY)
        patch.setenv("HOME", str(folder))
        with (folder / "server.log").open("wb") as log:
            process, address = start_server(
                folder,
                log=log,
                workers="1",
                tracking='["tensorboard", "mlflow"]',
                tracking_project="moderation",
                mlflow_tracking_uri=f"sqlite:///{folder}/runs.db?password={OWN_KEY}",
            )
        client = Mistral(api_key="none", server_url=address)
        integration = {"type": "wandb", "project": "mine", "api_key": ASKED_KEY, "run_name": "r1"}
        job = trained(client, integrations=[integration], suffix="tracked")
        text = httpx.get(f"{address}/v1/fine_tuning/jobs/{job.id}").text
        process.terminate()
        assert process.wait(30) == 0
    return folder, job, text


def test_every_tracker_has_the_curve(tracked: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, job, _ = tracked
    names = [event.name for event in job.events]
    assert names.count("tracker-started") == 3, [event.data for event in job.events]
    losses = [pytest.approx(each.metrics.train_loss, rel=1e-5) for each in job.checkpoints[::-1]]
    kept = folder / ".ostraka" / "tracking"
    curves = EventAccumulator(str(kept / "tensorboard" / job.id))
    curves.Reload()
    assert [each.value for each in curves.Scalars("train/loss")] == losses
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/runs.db")
    [run] = client.search_runs([client.get_experiment_by_name("moderation").experiment_id])
    assert (run.info.run_name, run.info.status) == (job.id, "FINISHED")
    assert run.data.tags["ostraka.job"] == job.id
    assert run.data.params["base"] == "ostraka-lexical"
    assert [e.value for e in client.get_metric_history(run.info.run_id, "train/loss")] == losses
    [log] = kept.rglob("*.wandb")
    assert log.stem == f"run-{job.id}"
    assert b"train/loss" in log.read_bytes()
    assert job.id.encode() in log.read_bytes()


def test_no_key_is_anywhere(tracked: Any) -> None:
    folder, _, text = tracked
    for path in (each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert ASKED_KEY.encode() not in content, path
        assert OWN_KEY.encode() not in content, path
    assert ASKED_KEY not in text
    assert OWN_KEY not in text


def test_the_address_of_a_run_is_in_the_answer(tmp_path: Path) -> None:
    seed(tmp_path)
    database = Database.at(f"sqlite:///{tmp_path / 'ostraka.db'}")
    with database.writing() as session:
        job = session.query(JobRow).one()
        job.integrations = [{"type": "wandb", "project": name, "url": None} for name in ("a", "b")]
        with_address(job, {"tracker": "wandb", "project": "b", "url": "https://wandb.ai/b/1"})
        with_address(job, {"tracker": "mlflow", "experiment": "a", "url": "https://mlflow/1"})
        with_address(job, {"tracker": "wandb", "project": "a"})
    with database.reading() as session:
        urls = [each["url"] for each in session.query(JobRow).one().integrations]
    database.close()
    assert urls == [None, "https://wandb.ai/b/1"]


def test_a_tracker_that_is_down_fails_no_job(tmp_path: Path) -> None:
    nobody = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_MODE": "online", "HOME": str(tmp_path)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nobody.items():
            patch.setenv(name, value)
        patch.delenv("WANDB_API_KEY", raising=False)
        process, address = start_server(tmp_path, workers="1", tracking='["wandb"]')
    client = Mistral(api_key="none", server_url=address)
    job = trained(client)
    process.terminate()
    assert process.wait(30) == 0
    [failed] = [event.data for event in job.events if event.name == "tracker-failed"]
    assert failed["tracker"] == "wandb"
    assert failed["project"] == "ostraka"


def test_a_project_stands_once(tmp_path: Path) -> None:
    process, address = start_server(tmp_path)
    client = Mistral(api_key="none", server_url=address)
    file = upload(client, examples(10))
    integration = {"type": "wandb", "project": "p", "api_key": ASKED_KEY}
    body = {"model": "ostraka-lexical", "training_files": [file], "hyperparameters": {}}
    body["integrations"] = [integration, integration]
    answer = httpx.post(f"{address}/v1/fine_tuning/jobs", json=body)
    process.terminate()
    assert process.wait(30) == 0
    assert answer.status_code == 422
    assert "a project stands once" in answer.text
    assert ASKED_KEY not in answer.text
