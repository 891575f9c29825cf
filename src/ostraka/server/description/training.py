"""`/v1/fine_tuning/jobs`, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.factory.states import Status
from ostraka.server.description.files import FILE_ID, PAGES
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.envelopes import Dialect

JOB_ID: Final = "cbe076ac-5e5a-4a9f-8f3e-2f6c4a1d9b70"
_MISTRAL: Final = (Dialect.MISTRAL,)
_UUID: Final = Meta(extra_json_schema={"format": "uuid"})
FileId = Annotated[str, _UUID]


class TrainingFile(Struct, forbid_unknown_fields=True):
    """A file to learn from, and how much its rows count."""

    file_id: FileId
    weight: Annotated[float, Meta(gt=0)] = 1.0


class AskedHyperparameters(Struct, forbid_unknown_fields=True):
    """How to train; without steps and epochs the trainer chooses."""

    training_steps: Annotated[int, Meta(ge=1, le=10_000_000)] | UnsetType | None = UNSET
    learning_rate: Annotated[float, Meta(ge=1e-8, le=1)] | UnsetType = UNSET
    weight_decay: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    warmup_fraction: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    epochs: Annotated[float, Meta(gt=0)] | UnsetType | None = UNSET
    seq_len: Annotated[int, Meta(ge=100, le=1_000_000)] | UnsetType | None = UNSET


class WandbIntegration(Struct, forbid_unknown_fields=True):
    """Where to report to; the key is taken and forgotten."""

    type: Literal["wandb"]
    project: Annotated[str, Meta(min_length=1, max_length=500)]
    api_key: Annotated[str, Meta(min_length=40, max_length=40)]
    name: Annotated[str, Meta(max_length=500)] | UnsetType | None = UNSET
    run_name: Annotated[str, Meta(max_length=500)] | UnsetType | None = UNSET


class AskedTarget(Struct, forbid_unknown_fields=True):
    """What is stated of a target; no labels means those of the rows."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    labels: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    weight: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    loss_function: Literal["single_class", "multi_class"] | UnsetType | None = UNSET


class JobRequest(Struct, forbid_unknown_fields=True):
    """A training job. Unknown fields are errors here: a misspelt one would train another model."""

    model: Annotated[str, Meta(min_length=1, max_length=500)]
    training_files: Annotated[list[TrainingFile | FileId], Meta(min_length=1, max_length=100)]
    hyperparameters: AskedHyperparameters
    validation_files: Annotated[list[FileId], Meta(max_length=100)] | UnsetType | None = UNSET
    test_files: Annotated[list[FileId], Meta(max_length=100)] | UnsetType | None = UNSET
    job_type: Literal["classifier"] | UnsetType | None = UNSET
    suffix: (
        Annotated[str, Meta(min_length=1, max_length=18, pattern=r"^[A-Za-z0-9_.-]+$")]
        | UnsetType
        | None
    ) = UNSET
    integrations: Annotated[list[WandbIntegration], Meta(max_length=10)] | UnsetType | None = UNSET
    auto_start: bool | UnsetType | None = UNSET
    invalid_sample_skip_percentage: Annotated[float, Meta(ge=0, le=0.5)] | UnsetType = UNSET
    classifier_targets: Annotated[list[AskedTarget], Meta(max_length=100)] | UnsetType | None = (
        UNSET
    )


class Hyperparameters(Struct, forbid_unknown_fields=True):
    """How a job trains; from its validation on, `training_steps` and `epochs` are filled in."""

    training_steps: int | None
    learning_rate: float
    weight_decay: float | None
    warmup_fraction: float | None
    epochs: float | None
    seq_len: int | None


class JobMetadata(Struct, forbid_unknown_fields=True):
    """What a job takes; null before its validation."""

    expected_duration_seconds: int | None
    cost: float
    cost_currency: str | None
    train_tokens_per_step: int | None
    train_tokens: int | None
    data_tokens: int | None
    estimated_start_time: int | None


class Integration(Struct, forbid_unknown_fields=True):
    """Where a job reports to."""

    type: str
    project: str
    name: str | None
    run_name: str | None
    url: str | None


class Job(Struct, forbid_unknown_fields=True):
    """A training job."""

    id: str
    object: Literal["job"]
    job_type: Literal["classifier"]
    auto_start: bool
    model: str
    status: Status
    created_at: int
    modified_at: int
    training_files: list[str]
    validation_files: list[str] | None
    test_files: list[str] | None
    hyperparameters: Hyperparameters
    fine_tuned_model: str | None
    suffix: str | None
    integrations: list[Integration]
    trained_tokens: int | None
    invalid_sample_skip_percentage: float
    metadata: JobMetadata


class ClassifierTarget(Struct, forbid_unknown_fields=True):
    """One question about a text and its possible answers."""

    name: str
    labels: list[str]
    weight: float
    loss_function: Literal["single_class", "multi_class"]


class JobEvent(Struct, forbid_unknown_fields=True):
    """What happened to a job."""

    name: str
    data: dict[str, Any]
    created_at: int


class CheckpointMetrics(Struct, forbid_unknown_fields=True):
    """Losses; 0.0 where nothing was evaluated."""

    train_loss: float
    valid_loss: float
    valid_mean_token_accuracy: float


class JobCheckpoint(Struct, forbid_unknown_fields=True):
    """One step."""

    metrics: CheckpointMetrics
    step_number: int
    created_at: int


class JobDetails(Job, forbid_unknown_fields=True):
    """A job with its targets, events (oldest first) and checkpoints (newest first)."""

    classifier_targets: list[ClassifierTarget]
    events: list[JobEvent]
    checkpoints: list[JobCheckpoint]


class JobList(Struct, forbid_unknown_fields=True):
    """A page of jobs."""

    object: Literal["list"]
    data: list[Job]
    total: int


class JobEstimate(JobMetadata, forbid_unknown_fields=True):
    """The answer to a dry run."""

    object: Literal["job.metadata"]
    deprecated: bool
    details: str
    training_steps: int | None
    epochs: float | None


_REQUEST: Final = {
    "model": "ostraka-lexical",
    "training_files": [{"file_id": FILE_ID, "weight": 1}],
    "hyperparameters": {"training_steps": 200, "learning_rate": 5e-05},
    "auto_start": False,
}
_FILTERS: Final = (
    *PAGES,
    query("model", "The model that was asked for."),
    query("status", "A job's status.", {"enum": [str(status) for status in Status]}),
    query("suffix", "The suffix."),
    query("created_after", "ISO 8601 or UNIX seconds.", {"type": "string", "format": "date-time"}),
    query("created_before", "ISO 8601 or UNIX seconds.", {"type": "string", "format": "date-time"}),
    query("created_by_me", "Only those of this key.", {"type": "boolean"}),
    query("wandb_project", "A project of Weights & Biases."),
    query("wandb_name", "A name of Weights & Biases."),
)


def _operations(prefix: str) -> tuple[Operation, ...]:
    name = prefix.strip("/") + "_" if prefix else ""
    under = f", under {prefix}" if prefix else ""
    jobs = f"{prefix}/v1/fine_tuning/jobs"
    one: dict[str, Any] = {
        "tag": "Training",
        "shapes": (JobDetails,),
        "dialects": _MISTRAL,
        "may_miss": True,
        "parameters": (Parameter("job_id", "path", "A job's id.", JOB_ID),),
    }
    return (
        Operation(
            id=f"{name}create_job",
            method="post",
            path=jobs,
            tag="Training",
            summary=f"Train a classifier{under}",
            request=JobRequest,
            shapes=(Job, JobEstimate),
            dialects=_MISTRAL,
            may_miss=True,
            also=(409,),
            parameters=(query("dry_run", "Only say what it would take.", {"type": "boolean"}),),
            requests={"two hundred steps": _REQUEST},
        ),
        Operation(
            id=f"{name}list_jobs",
            method="get",
            path=jobs,
            tag="Training",
            summary=f"List jobs, newest first{under}",
            shapes=(JobList,),
            dialects=_MISTRAL,
            also=(422,),
            parameters=_FILTERS,
        ),
        Operation(
            id=f"{name}get_job",
            method="get",
            path=f"{jobs}/{{job_id}}",
            summary=f"Get one job{under}",
            **one,
        ),
        Operation(
            id=f"{name}start_job",
            method="post",
            path=f"{jobs}/{{job_id}}/start",
            summary=f"Start a validated job{under}",
            also=(409,),
            **one,
        ),
        Operation(
            id=f"{name}cancel_job",
            method="post",
            path=f"{jobs}/{{job_id}}/cancel",
            summary=f"Cancel a job{under}",
            also=(409,),
            **one,
        ),
    )


OPERATIONS: Final = (*_operations(""), *_operations("/mistral"))
