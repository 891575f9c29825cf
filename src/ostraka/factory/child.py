"""A job's own process: `python -m ostraka.factory.child FOLDER`.

It does what the folder's task file says and tells how it goes on standard output, one message a
line. It lives no longer than its worker: when standard input closes, it ends.
"""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from ostraka.assess.classifier import Classifier
from ostraka.errors import DataError, OperatorError, OstrakaError
from ostraka.factory.messages import CHECKPOINT, EVENT, FAILED, PLANNED, REJECTED, TRAINED, Voice
from ostraka.factory.tasks import MODEL_FOLDER, WORK_FOLDER, Purpose, Task
from ostraka.factory.tracking import reporting_of
from ostraka.factory.validation import JobData, RejectedDataError, read_job_data
from ostraka.train.examples import Example
from ostraka.train.reporting import reported
from ostraka.train.trainer import (
    Checkpoint,
    Progress,
    Quiet,
    TrainingOptions,
    check_training_extra,
    is_main_process,
    trainer_for,
    training_module,
)
from ostraka.train.training_data import TrainingData, hold_out

_log = logging.getLogger("ostraka.training")

_ESTIMATE_SECONDS: Final = 5.0
"""How often it is told how long the rest takes: every message becomes an event of the job."""

ORPHANED: Final = 75
"""Exit status of a process whose worker is gone."""


class _Telling:
    """A trainer's `Progress` that tells the worker."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._estimated = -math.inf

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        losses = f"training loss {checkpoint.train_loss:.6g}"
        if checkpoint.valid_loss:
            losses += f", validation loss {checkpoint.valid_loss:.6g}"
        _log.info("step %s: %s", checkpoint.step, losses)
        self._voice.say(
            CHECKPOINT,
            step=checkpoint.step,
            train_loss=_finite(checkpoint.train_loss),
            valid_loss=_finite(checkpoint.valid_loss),
            valid_accuracy=_finite(checkpoint.valid_accuracy),
        )

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        _log.info("%s: %s", name, dict(data))
        self._voice.say(EVENT, name=name, data=dict(data))

    def estimate(self, steps: int, seconds: float) -> None:
        moment = time.monotonic()
        if moment - self._estimated < _ESTIMATE_SECONDS:
            return
        self._estimated = moment
        self._voice.say(EVENT, name="estimate", data={"steps": steps, "seconds": round(seconds)})


def _finite(value: float) -> float:
    """JSON has no infinity, and a diverging loss must not end its own report."""
    return float(np.nan_to_num(value, posinf=1e30, neginf=-1e30))


def main(folder: Path) -> int:
    """Do the task in `folder`; returns the exit status."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    _log_to_stderr()
    voice = Voice()
    task = Task.read(folder)
    _log.info("process %s, to %s job %s of %s", os.getpid(), task.purpose, task.job_id, task.base)
    try:
        if task.purpose is Purpose.VALIDATE:
            _validate(task, voice)
        else:
            _train(task, folder, voice)
    except RejectedDataError as error:
        _log.info("the rows are refused: %s", error.message)
        rows = [{"file": p.file, "row": p.row, "reason": p.reason} for p in error.problems]
        voice.say(REJECTED, message=error.message, rows=rows)
    except OstrakaError as error:
        # An operator's error is no fault of the rows, though it ends their validation too.
        is_of_rows = isinstance(error, DataError) or not isinstance(error, OperatorError)
        rejected = task.purpose is Purpose.VALIDATE and is_of_rows
        voice.say(REJECTED if rejected else FAILED, message=error.message)
        _log.exception("it ends with an error")
    else:
        _log.info("done")
    return 0


def _log_to_stderr() -> None:
    """The worker keeps what is printed there."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    logging.Formatter.converter = time.gmtime
    logging.getLogger("ostraka").setLevel(logging.INFO)


def _end_with_worker() -> None:
    # Read byte by byte from the file descriptor: a buffered read would hold a lock at exit.
    while os.read(0, 1):
        continue
    os._exit(ORPHANED)


def _validate(task: Task, voice: Voice) -> None:
    check_training_extra()  # missed now rather than when the job is trained
    data = read_job_data(task)
    for notice in data.notices:
        voice.say(EVENT, name=notice.name, data=dict(notice.data))
    training = _training_data(data.training, data)
    if not data.validation:  # as the training will: its steps are those of the rows that remain
        training, _ = hold_out(training, seed=options_of(task).seed)
    held_back = len(data.training) + len(data.validation) - len(training)
    _log.info("%s rows to learn from, %s held back", len(training), held_back)
    plan = trainer_for(task.base).plan(training, options_of(task))
    voice.say(
        PLANNED,
        plan=asdict(plan),
        targets=[target.to_json() for target in data.targets],
        rows=data.counts,
    )


def _train(task: Task, folder: Path, voice: Voice) -> None:
    data = read_job_data(task)
    if is_main_process():
        voice.say(EVENT, name="rows-read", data=data.counts)
        voice.say(EVENT, name="loading", data={"base": task.base})
    valid = _training_data(data.validation, data) if data.validation else None
    test = _training_data(data.test, data) if data.test else None
    (folder / WORK_FOLDER).mkdir(exist_ok=True)
    with _told(task, voice) as progress:
        manifest = training_module().train_classifier(
            _training_data(data.training, data),
            valid,
            test,
            base=task.base,
            options=options_of(task),
            folder=folder / WORK_FOLDER,
            output=folder / MODEL_FOLDER,
            progress=progress,
            provenance=task.provenance,
            known_steps=task.known_steps,
        )
    if is_main_process():
        # Loaded once here, so that a model which cannot be served never becomes one.
        digest = Classifier.load(folder / MODEL_FOLDER).digest
        voice.say(TRAINED, manifest=manifest, digest=digest)


@contextmanager
def _told(task: Task, voice: Voice) -> Iterator[Progress]:
    """The worker, and the trackers, hear of the training from one process alone."""
    if not is_main_process():
        yield Quiet()
        return
    asked = {name: value for name, value in task.hyperparameters.items() if value is not None}
    configuration = {"job": task.job_id, "base": task.base} | asked
    with reported(_Telling(voice), *reporting_of(task), configuration) as progress:
        yield progress


def _training_data(examples: list[Example], data: JobData) -> TrainingData:
    weights = data.weights if examples is data.training else [1.0] * len(examples)
    return TrainingData(examples, np.asarray(weights, np.float32), data.targets)


def options_of(task: Task) -> TrainingOptions:
    """A task's hyperparameters as a trainer takes them; null means the default."""
    asked = {name: value for name, value in task.hyperparameters.items() if value is not None}
    return TrainingOptions(**asked, threads=task.threads)


if __name__ == "__main__":
    status = main(Path(sys.argv[1]))
    sys.stderr.flush()
    # Past what libraries do at exit: a tracker that does not answer must not hold up the job.
    os._exit(status)
