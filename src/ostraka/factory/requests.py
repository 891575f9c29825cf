"""What a caller may ask of a job, checked field by field.

Unknown fields are errors here, although other calls ignore them: a misspelt hyperparameter would
otherwise train another model than the one that was meant.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ostraka.assess.targets import LossFunction
from ostraka.errors import FieldProblem, InvalidFieldsError


def _is_uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("Input should be a valid UUID") from None


FileId = Annotated[str, AfterValidator(_is_uuid)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TrainingFile(_Strict):
    """A file to learn from, and how much its rows count."""

    file_id: FileId
    weight: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0


def _as_object(value: Any) -> Any:
    return {"file_id": value} if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """JSON does not tell 200.0 from 200."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)


class Hyperparameters(_Strict):
    """How to train. Without steps and epochs, the trainer chooses and the job reports it."""

    training_steps: Annotated[int, Whole, Field(ge=1, le=10_000_000)] | None = None
    learning_rate: Annotated[float, Field(ge=1e-8, le=1.0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] | None = 0.1
    warmup_fraction: Annotated[float, Field(ge=0.0, le=1.0)] | None = 0.05
    epochs: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    seq_len: Annotated[int, Whole, Field(ge=100, le=1_000_000)] | None = None


class Wandb(_Strict):
    """Where to report to. The key is taken and forgotten: the worker has its own."""

    type: Literal["wandb"]
    project: Annotated[str, Field(min_length=1, max_length=500)]
    api_key: Annotated[str, Field(min_length=40, max_length=40, repr=False)]
    name: Annotated[str, Field(max_length=500)] | None = None
    run_name: Annotated[str, Field(max_length=500)] | None = None


class AskedTarget(_Strict):
    """What the caller states of a target; empty `labels` are discovered."""

    name: Name
    labels: list[Name]
    weight: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    loss_function: Literal["single_class", "multi_class"] | None = None

    @field_validator("labels")
    @classmethod
    def _at_least_two(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label stands in the list once")
        if len(labels) == 1:
            raise ValueError("a target has at least 2 labels")
        return labels

    @property
    def loss(self) -> LossFunction | None:
        """The loss function, if one was asked for."""
        return LossFunction(self.loss_function) if self.loss_function else None


class JobRequest(_Strict):
    """The body of a job's creation."""

    model: Annotated[str, Field(min_length=1, max_length=500)]
    hyperparameters: Hyperparameters
    training_files: Annotated[
        list[Annotated[TrainingFile, BeforeValidator(_as_object)]],
        Field(min_length=1, max_length=100),
    ]
    validation_files: Annotated[list[FileId], Field(max_length=100)] | None = None
    test_files: Annotated[list[FileId], Field(max_length=100)] | None = None
    """Ours: rows that are measured at the end and decide nothing."""
    job_type: Literal["classifier", "completion"] | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=18, pattern=r"^[\w.-]+$")] | None = None
    integrations: Annotated[list[Wandb], Field(max_length=10)] | None = None
    auto_start: bool | None = None
    invalid_sample_skip_percentage: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    repositories: list[Any] | None = None
    classifier_targets: Annotated[list[AskedTarget], Field(max_length=100)] | None = None

    @property
    def file_ids(self) -> list[str]:
        """Of all files that are asked for."""
        training = [each.file_id for each in self.training_files]
        return training + (self.validation_files or []) + (self.test_files or [])

    @field_validator("job_type")
    @classmethod
    def _only_classifiers(cls, value: str | None) -> str | None:
        if value == "completion":
            raise ValueError("this server trains classifiers; 'completion' is not served")
        return value

    @field_validator("repositories")
    @classmethod
    def _no_repositories(cls, value: list[Any] | None) -> list[Any] | None:
        if value:
            raise ValueError("repositories are not read here; upload files instead")
        return value

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.file_ids)) != len(self.file_ids):
            raise ValueError(
                "a file stands once among training_files, validation_files and test_files"
            )
        projects = [each.project for each in self.integrations or ()]
        if len(set(projects)) != len(projects):
            raise ValueError("a project stands once in integrations")
        names = [target.name for target in self.classifier_targets or ()]
        if len(set(names)) != len(names):
            raise ValueError("a target stands once in classifier_targets")
        return self


class ModelUpdate(_Strict):
    """What can be changed of a model; null takes it away, what is left out stays."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None


def parse_job(body: Mapping[str, Any]) -> JobRequest:
    """The job that a body asks for.

    Raises:
        InvalidFieldsError: names every field at fault.
    """
    try:
        return JobRequest.model_validate(dict(body))
    except ValidationError as error:
        raise InvalidFieldsError(problems_of(error)) from None


def parse_update(body: Mapping[str, Any]) -> ModelUpdate:
    """The change that a body asks for; unknown fields are ignored, as everywhere but in jobs.

    Raises:
        InvalidFieldsError: names every field at fault.
    """
    known = {name: body[name] for name in ModelUpdate.model_fields if name in body}
    try:
        return ModelUpdate.model_validate(known)
    except ValidationError as error:
        raise InvalidFieldsError(problems_of(error)) from None


def problems_of(error: ValidationError) -> list[FieldProblem]:
    """What is wrong and where; never what was sent, which may be a key."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        FieldProblem(
            each["type"], ("body", *each["loc"]), each["msg"].removeprefix("Value error, ")
        )
        for each in found
    ]
