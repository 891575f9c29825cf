"""Statuses and events of jobs in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostraka.console.charts import number
from ostraka.factory.states import FINAL, Status


@dataclass(frozen=True, slots=True)
class StatusWords:
    """A status as a chip, and what it means for whoever waits."""

    word: str
    kind: str
    picture: str
    meaning: str


_STATUSES: Final = {
    Status.QUEUED: StatusWords("Queued", "", "clock", "It waits for a worker."),
    Status.STARTED: StatusWords("Started", "escalate", "clock", "It is about to run."),
    Status.VALIDATING: StatusWords("Validating", "escalate", "clock", "Its rows are checked."),
    Status.VALIDATED: StatusWords(
        "Validated", "warn", "clock", "Its rows are good. It trains when you start it."
    ),
    Status.RUNNING: StatusWords("Running", "escalate", "training", "It is training."),
    Status.FAILED_VALIDATION: StatusWords(
        "Failed validation", "remove", "warning", "Its rows cannot be learnt from."
    ),
    Status.FAILED: StatusWords("Failed", "remove", "warning", "It ended without a model."),
    Status.SUCCESS: StatusWords("Success", "approve", "check", "Its model is ready."),
    Status.CANCELLED: StatusWords("Cancelled", "", "stop", "It was cancelled; there is no model."),
    Status.CANCELLATION_REQUESTED: StatusWords(
        "Cancellation requested", "warn", "stop", "It stops within two seconds."
    ),
}


def status_words(status: str) -> StatusWords:
    """The words of a status of the API."""
    return _STATUSES[Status(status)]


def is_over(status: str) -> bool:
    """Whether nothing will happen to a job any more."""
    return Status(status) in FINAL


@dataclass(frozen=True, slots=True)
class EventWords:
    """An event: what happened, and the sentence that it carries."""

    title: str
    detail: str


_TITLES: Final = {
    "model-resolved": "Base model chosen",
    "faulty-row": "Faulty row",
    "rows-skipped": "Rows left out",
    "duplicate-rows": "The same text in training and validation",
    "process-starting": "Its process starts",
    "rows-read": "Rows read",
    "loading": "Libraries and base model are loaded",
    "training-options": "How it trains",
    "exporting": "Exporting, and checking that against the trained model",
    "validation-held-out": "Rows held out for validation",
    "resumed": "Taken up again after its worker was lost",
}


def event_words(name: str, data: Mapping[str, Any]) -> EventWords:
    """What an event says; events that this page does not know are shown with their data."""
    if name == "status-updated":
        detail = str(data.get("message", ""))
        return EventWords(status_words(str(data["status"])).word, detail)
    known = _TITLES.get(name)
    if name == "faulty-row":
        return EventWords("Faulty row", problem_words(data))
    for field in ("message", "note"):
        if field in data:
            return EventWords(known or _sentence(name), str(data[field]))
    rest = ", ".join(
        f"{field.replace('_', ' ')} {number(value) if isinstance(value, float) else value}"
        for field, value in data.items()
        if value is not None
    )
    return EventWords(known or _sentence(name), rest)


def problem_words(data: Mapping[str, Any]) -> str:
    """A faulty row: its file, its number and what is wrong with it."""
    return f"{data.get('file')}, row {data.get('row')}: {data.get('reason')}"


def _sentence(name: str) -> str:
    words = name.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]
