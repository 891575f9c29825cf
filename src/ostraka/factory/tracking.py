"""Which trackers a job reports to: those that its request names, and those of the settings.

A key never comes along: the job's process takes it from its own environment, as the trackers'
clients do (`WANDB_API_KEY`, `MLFLOW_TRACKING_TOKEN` and their like).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ostraka.factory.tasks import Task
from ostraka.settings import Settings, Tracking
from ostraka.train.trackers import MlflowRun, Reporting, WandbRun

if TYPE_CHECKING:  # a job's process needs no database
    from ostraka.factory.tables import JobRow

STARTED: Final = "tracker-started"
MLFLOW_ADDRESS: Final = "MLFLOW_TRACKING_URI"
"""Passed through the environment, since it may hold a password."""


def tracking_of(job: "JobRow", settings: Settings) -> dict[str, Any]:
    """What the job's process is told of trackers, as JSON; nothing that must stay secret."""
    runs = [
        {
            "project": each["project"],
            "run_name": each["run_name"] or each["name"] or job.id,
            "run_id": job.id,
        }
        for each in job.integrations
    ]
    if Tracking.WANDB in settings.tracking and not runs:
        runs = [{"project": settings.tracking_project, "run_name": job.id, "run_id": job.id}]
    return {
        "folder": str(settings.resolved_tracking_folder.absolute()),
        "wandb": runs,
        "tensorboard": Tracking.TENSORBOARD in settings.tracking,
        "mlflow": settings.tracking_project if Tracking.MLFLOW in settings.tracking else None,
    }


def environment_of(settings: Settings) -> dict[str, str]:
    """What the job's process finds in its environment."""
    address = settings.mlflow_tracking_uri
    return {MLFLOW_ADDRESS: address} if address else {}


def reporting_of(task: Task) -> tuple[Reporting, Path]:
    """Where the task's training is reported to, and the folder for the trackers' files."""
    told = task.tracking
    folder = Path(told["folder"])
    if told["wandb"] or told["tensorboard"] or told["mlflow"]:
        folder.mkdir(parents=True, exist_ok=True)
    reporting = Reporting(
        wandb=tuple(WandbRun(**run) for run in told["wandb"]),
        tensorboard=folder / "tensorboard" / task.job_id if told["tensorboard"] else None,
        mlflow=_mlflow(told["mlflow"], folder, task.job_id) if told["mlflow"] else None,
    )
    return reporting, folder


def with_address(job: "JobRow", event: Mapping[str, Any]) -> None:
    """Note where a run can be looked at, once its tracker has said so."""
    if event.get("tracker") == Tracking.WANDB and event.get("url"):
        job.integrations = [
            each | {"url": event["url"]} if each["project"] == event["project"] else each
            for each in job.integrations
        ]


def _mlflow(experiment: str, folder: Path, job_id: str) -> MlflowRun:
    address = os.environ.get(MLFLOW_ADDRESS) or f"sqlite:///{folder / 'mlflow.db'}"
    return MlflowRun(address, experiment, job_id, job_id)
