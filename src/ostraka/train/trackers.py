"""Where others keep the curves of their training runs: Weights & Biases, TensorBoard, MLflow.

Each is an optional part and a class with three verbs. Keys live in memory only: they are passed
to the vendor's client, never written to a file or a message of ours.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from ostraka.errors import MissingExtraError

_SECRET_VARIABLES: Final = (
    "WANDB_API_KEY",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
)

_JOB_TAG: Final = "ostraka.job"


@dataclass(frozen=True, slots=True)
class WandbRun:
    """A run of Weights & Biases. Without a key it is the client's own, `WANDB_API_KEY`."""

    project: str
    run_name: str | None = None
    api_key: str | None = field(default=None, repr=False)
    is_offline: bool = False
    """Written to the working folder, for `wandb sync` later; nothing is sent, no key needed."""
    run_id: str | None = None
    """A run of this id is continued if there is one. Offline, `wandb sync` joins them."""


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run of an MLflow tracking server (or file or database) and its experiment."""

    tracking_uri: str = field(repr=False)
    experiment: str = "ostraka"
    run_name: str | None = None
    job: str | None = None
    """Noted as the tag `ostraka.job`; a run that has it is continued."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """Where a training run is reported to; nowhere by default."""

    wandb: tuple[WandbRun, ...] = ()
    tensorboard: Path | None = None
    """The run writes into this very folder."""
    mlflow: MlflowRun | None = None

    def secrets(self) -> set[str]:
        """What must not stand in any message."""
        found: set[str | None] = {*own_secrets(), *(run.api_key for run in self.wandb)}
        if self.mlflow is not None:
            found.add(urlsplit(self.mlflow.tracking_uri).password)
        return {secret for secret in found if secret}

    def trackers(self, folder: Path) -> "list[Tracker]":
        """Those asked for; `folder` is where they may keep files of theirs."""
        asked: list[Tracker] = [WandbTracker(run, folder) for run in self.wandb]
        if self.tensorboard is not None:
            asked.append(TensorBoardTracker(self.tensorboard))
        if self.mlflow is not None:
            asked.append(MlflowTracker(self.mlflow))
        return asked


def own_secrets() -> set[str]:
    """The keys in this process's environment."""
    found = {os.environ.get(name) for name in _SECRET_VARIABLES}
    address = os.environ.get("MLFLOW_TRACKING_URI")
    found.add(urlsplit(address).password if address else None)
    return {secret for secret in found if secret}


class Tracker(Protocol):
    """One place that curves are sent to. Any verb may fail: the caller copes."""

    name: str
    about: Mapping[str, str]
    """What tells it from others of its name."""

    def start(self, configuration: Mapping[str, Any]) -> str | None:
        """Begin a run; its address, where it has one."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Values of one step."""

    def finish(self, is_success: bool) -> None:
        """End the run, with everything sent."""


class WandbTracker:
    """Weights & Biases, told of nothing but the run: no code, packages, console, host, hardware."""

    name = "wandb"

    def __init__(self, run: WandbRun, folder: Path) -> None:
        self.about: Mapping[str, str] = {"project": run.project}
        self._run, self._folder = run, folder
        self._session: Any = None

    def start(self, configuration: Mapping[str, Any]) -> str | None:
        """Raises MissingExtraError without the extra."""
        try:
            import wandb
        except ImportError:
            raise MissingExtraError("wandb", "Reporting to Weights & Biases") from None
        settings = wandb.Settings(
            api_key=self._run.api_key,
            console="off",
            disable_code=True,
            disable_git=True,
            host="",
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
            silent=True,
        )
        self._session = wandb.init(
            project=self._run.project,
            name=self._run.run_name,
            id=self._run.run_id,
            resume="allow" if self._run.run_id else None,
            mode="offline" if self._run.is_offline else None,  # None: as `WANDB_MODE` says
            dir=str(self._folder),
            config=dict(configuration),
            settings=settings,
            reinit="create_new",
        )
        return self._session.url or None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """The client keeps its own queue."""
        self._session.log(dict(values), step=step)

    def finish(self, is_success: bool) -> None:
        """Waits until everything is sent."""
        self._session.finish(exit_code=0 if is_success else 1)


class TensorBoardTracker:
    """Event files that `tensorboard --logdir` shows."""

    name = "tensorboard"

    def __init__(self, folder: Path) -> None:
        self.about: Mapping[str, str] = {}
        self._folder = folder
        self._configuration: Mapping[str, Any] = {}
        self._make: Any = None
        self._writer: Any = None

    def start(self, configuration: Mapping[str, Any]) -> str | None:
        """Raises MissingExtraError without the extra."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", "Reporting to TensorBoard") from None
        self._make, self._configuration = SummaryWriter, configuration
        return None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Buffered by the writer."""
        if self._writer is None:
            self._writer = self._begun(step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, is_success: bool) -> None:
        """Flush."""
        if self._writer is None:
            self._writer = self._begun(0)
        self._writer.close()

    def _begun(self, step: int) -> Any:
        """A writer from this step on: what a run that was cut off had after it is hidden."""
        if self._folder.is_dir() and any(self._folder.iterdir()):
            return self._make(str(self._folder), purge_step=step)
        writer = self._make(str(self._folder))
        lines = (f"| {name} | {value} |" for name, value in self._configuration.items())
        writer.add_text("configuration", "\n".join(("| | |", "|---|---|", *lines)))
        return writer


class MlflowTracker:
    """An MLflow run, through its client: no global state, so runs may stand side by side."""

    name = "mlflow"

    def __init__(self, run: MlflowRun) -> None:
        self.about: Mapping[str, str] = {"experiment": run.experiment}
        self._run = run
        self._client: Any = None
        self._id = ""
        self._last_step = -1

    def start(self, configuration: Mapping[str, Any]) -> str | None:
        """Raises MissingExtraError without the extra."""
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise MissingExtraError("mlflow", "Reporting to MLflow") from None
        self._client = MlflowClient(tracking_uri=self._run.tracking_uri)
        experiment = self._client.get_experiment_by_name(self._run.experiment)
        number = (
            self._client.create_experiment(self._run.experiment)
            if experiment is None
            else experiment.experiment_id
        )
        if self._continues(number):
            return None
        tags = {_JOB_TAG: self._run.job} if self._run.job else {}
        run = self._client.create_run(number, run_name=self._run.run_name, tags=tags)
        self._id = run.info.run_id
        for name, value in configuration.items():
            self._client.log_param(self._id, name, value)
        return None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One call a value; what a run that was cut off has sent already is not sent again."""
        if step <= self._last_step:
            return
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step)

    def finish(self, is_success: bool) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._id, "FINISHED" if is_success else "FAILED")

    def _continues(self, experiment: str) -> bool:
        """Take up the job's run, if there is one."""
        if not self._run.job:
            return False
        wanted = f"tags.`{_JOB_TAG}` = '{self._run.job}'"
        found = self._client.search_runs([experiment], filter_string=wanted, max_results=1)
        for run in found:
            self._id = run.info.run_id
            self._client.update_run(self._id, status="RUNNING")
            for name in run.data.metrics:
                sent = self._client.get_metric_history(self._id, name)
                self._last_step = max([self._last_step, *(each.step for each in sent)])
        return bool(self._id)
