"""Health and metrics, described."""

from typing import Final, Literal

from msgspec import Struct

from ostraka.server.description.operation import Operation
from ostraka.server.envelopes import Dialect


class Health(Struct, forbid_unknown_fields=True):
    """The server lives; `model` is the pinned name of the classifier that answers."""

    status: Literal["ok"]
    version: str
    model: str


class Live(Struct, forbid_unknown_fields=True):
    """The process answers."""

    status: Literal["ok"]


class Checks(Struct, forbid_unknown_fields=True):
    """`classifier` is loaded; `encoder`, the last stage, answers."""

    classifier: bool
    encoder: bool


class Ready(Struct, forbid_unknown_fields=True):
    """Whether requests can be answered."""

    status: Literal["ready", "not_ready", "stopping"]
    checks: Checks


OPERATIONS: Final = (
    Operation(
        id="health",
        method="get",
        path="/health",
        tag="Service",
        summary="Alive, and with what",
        shapes=(Health,),
        secured=False,
    ),
    Operation(
        id="live",
        method="get",
        path="/health/live",
        tag="Service",
        summary="Whether the process answers",
        shapes=(Live,),
        secured=False,
    ),
    Operation(
        id="ready",
        method="get",
        path="/health/ready",
        tag="Service",
        summary="Whether requests can be answered",
        shapes=(Ready,),
        secured=False,
        more_answers={503: ("Not ready, or stopping.", Ready)},
    ),
    Operation(
        id="metrics",
        method="get",
        path="/metrics",
        tag="Service",
        summary="Metrics for Prometheus",
        description="In Prometheus' text format, or OpenMetrics if the client prefers it.",
        dialects=(Dialect.OPENAI,),
    ),
)
