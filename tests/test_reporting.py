"""Trackers get the curves, no key leaves memory, and a tracker's failure is an event, not ours."""

import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from tiny_encoder import Recorder

from ostraka.train.reporting import reported
from ostraka.train.trackers import MlflowRun, Reporting, WandbRun
from ostraka.train.trainer import Checkpoint, Progress

KEY = "0123456789abcdef0123456789abcdef01234567"
CONFIGURATION = {"learning_rate": 0.0001, "training_steps": 4}
CURVE = [
    Checkpoint(1, 0.9),
    Checkpoint(2, 0.7, 0.8, 0.5),
    Checkpoint(3, 0.5),
    Checkpoint(4, 0.4, 0.6, 0.75),
]


def train(progress: Progress) -> None:
    progress.event("training", {"base": "tiny"})
    for checkpoint in CURVE:
        progress.checkpoint(checkpoint)
    progress.estimate(4, 0.0)


def said_nothing_of_the_key(recorder: Recorder, folder: Path) -> bool:
    files = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return KEY not in repr(recorder.events) and not any(KEY.encode() in each for each in files)


def until_written(log: Path, wanted: bytes) -> bytes:
    """What stands in a log of W&B, whose own process writes on for a moment after the run."""
    for _ in range(300):
        if wanted in (written := log.read_bytes()):
            break
        time.sleep(0.1)
    return written


def test_without_trackers_nothing_is_added(tmp_path: Path) -> None:
    recorder = Recorder()
    with reported(recorder, Reporting(), tmp_path, CONFIGURATION) as progress:
        train(progress)
    assert recorder.checkpoints == CURVE
    assert recorder.events == [("training", {"base": "tiny"})]
    assert recorder.estimates == [(4, 0.0)]
    assert list(tmp_path.iterdir()) == []


def test_weights_and_biases_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="needs the wandb extra")
    monkeypatch.setattr("socket.gethostname", lambda: "a-telling-name")
    run = WandbRun("moderation", run_name="first", api_key=KEY, is_offline=True)
    recorder = Recorder()
    with reported(recorder, Reporting(wandb=(run,)), tmp_path, CONFIGURATION) as progress:
        train(progress)
    assert recorder.checkpoints == CURVE
    assert recorder.named("tracker-failed") == []
    (log,) = tmp_path.rglob("*.wandb")
    written = until_written(log, b"train/loss")
    for name in (b"train/loss", b"valid/loss", b"valid/accuracy", b"learning_rate"):
        assert name in written
    assert b"a-telling-name" not in written
    assert list(tmp_path.rglob("requirements.txt")) == [], "the packages of this machine"
    assert said_nothing_of_the_key(recorder, tmp_path)
    assert KEY not in repr(run) + repr(Reporting(wandb=(run,)))


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recorder, folder = Recorder(), tmp_path / "curves"
    with reported(recorder, Reporting(tensorboard=folder), tmp_path, CONFIGURATION) as progress:
        train(progress)
    events = EventAccumulator(str(folder))
    events.Reload()
    curves = {
        name: [(point.step, round(point.value, 6)) for point in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }
    assert curves == {
        "train/loss": [(1, 0.9), (2, 0.7), (3, 0.5), (4, 0.4)],
        "valid/loss": [(2, 0.8), (4, 0.6)],
        "valid/accuracy": [(2, 0.5), (4, 0.75)],
    }


def test_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the mlflow extra")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    recorder = Recorder()
    reporting = Reporting(mlflow=MlflowRun(uri, "moderation"))
    with reported(recorder, reporting, tmp_path, CONFIGURATION) as progress:
        train(progress)
    with (
        pytest.raises(ValueError, match="the training failed"),
        reported(recorder, reporting, tmp_path, CONFIGURATION) as progress,
    ):
        train(progress)
        raise ValueError("the training failed")
    assert recorder.named("tracker-failed") == []
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("moderation")
    runs = client.search_runs([experiment.experiment_id], order_by=["start_time"])
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED"]
    for run in runs:
        assert run.data.params == {name: str(value) for name, value in CONFIGURATION.items()}
        history = client.get_metric_history(run.info.run_id, "train/loss")
        assert [(each.step, each.value) for each in history] == [
            (each.step, each.train_loss) for each in CURVE
        ]


class Killed(BaseException):
    """Ends the training as a lost worker does."""


def test_a_resumed_training_continues_its_runs(tmp_path: Path) -> None:
    for extra in ("wandb", "tensorboard"):
        pytest.importorskip(extra, reason=f"needs the {extra} extra")
    mlflow = pytest.importorskip("mlflow", reason="needs the mlflow extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    uri, curves = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "curves"
    reporting = Reporting(
        wandb=(WandbRun("moderation", api_key=KEY, is_offline=True, run_id="job-1"),),
        tensorboard=curves,
        mlflow=MlflowRun(uri, "moderation", job="job-1"),
    )
    recorder = Recorder()
    with (
        pytest.raises(Killed),
        reported(recorder, reporting, tmp_path, CONFIGURATION) as progress,
    ):
        for checkpoint in CURVE[:3]:
            progress.checkpoint(checkpoint)
        raise Killed
    with reported(recorder, reporting, tmp_path, CONFIGURATION) as progress:
        for checkpoint in CURVE[1:]:  # from the checkpoint of the first step
            progress.checkpoint(checkpoint)
    assert recorder.named("tracker-failed") == []
    whole = [(each.step, each.train_loss) for each in CURVE]
    client = mlflow.MlflowClient(tracking_uri=uri)
    [run] = client.search_runs([client.get_experiment_by_name("moderation").experiment_id])
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(each.step, each.value) for each in history] == whole
    events = EventAccumulator(str(curves))
    events.Reload()
    assert [(e.step, round(e.value, 6)) for e in events.Scalars("train/loss")] == whole
    assert {path.stem for path in tmp_path.rglob("*.wandb")} == {"run-job-1"}


def test_a_failing_tracker_is_an_event_and_harms_nobody(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the mlflow extra")
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    uri = f"nowhere://someone:{KEY}@localhost/store"
    reporting = Reporting(mlflow=MlflowRun(uri), tensorboard=tmp_path / "curves")
    assert KEY not in repr(reporting)
    recorder = Recorder()
    with reported(recorder, reporting, tmp_path, CONFIGURATION) as progress:
        train(progress)
    assert recorder.checkpoints == CURVE
    (failure,) = recorder.named("tracker-failed")
    assert failure["tracker"] == "mlflow"
    assert said_nothing_of_the_key(recorder, tmp_path)
    assert list((tmp_path / "curves").iterdir())
