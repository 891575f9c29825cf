"""Files, jobs and models as the API shows them, with the fields of both vendors."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from ostraka.factory.states import FINAL, Status
from ostraka.factory.tables import FileRow, JobCheckpointRow, JobEventRow, JobRow, ModelRow

OWNER: Final = "ostraka"
_METADATA: Final = (
    "expected_duration_seconds",
    "cost_currency",
    "train_tokens_per_step",
    "train_tokens",
    "data_tokens",
    "estimated_start_time",
)


def show_file(row: FileRow) -> dict[str, Any]:
    """A file. `status` is OpenAI's, everything else Mistral's or common to both."""
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.bytes,
        "created_at": seconds(row.created_at),
        "filename": row.filename,
        "purpose": row.purpose,
        "sample_type": row.sample_type,
        "source": row.source,
        "num_lines": row.num_lines,
        "mimetype": row.mimetype,
        "signature": row.sha256[:16],
        "expires_at": seconds(row.expires_at) if row.expires_at else None,
        "visibility": row.visibility,
        "status": "processed",
    }


def show_job(job: JobRow) -> dict[str, Any]:
    """A job as it stands in lists and right after its creation."""
    return {
        "id": job.id,
        "object": "job",
        "job_type": "classifier",
        "auto_start": job.auto_start,
        "model": job.model,
        "status": job.status,
        "created_at": seconds(job.created_at),
        "modified_at": seconds(job.modified_at),
        "training_files": [each["file_id"] for each in job.training_files],
        "validation_files": job.validation_files,
        "test_files": job.test_files,
        "hyperparameters": job.hyperparameters | job.details.get("hyperparameters", {}),
        "fine_tuned_model": job.fine_tuned_model,
        "suffix": job.suffix,
        "integrations": [show_integration(each) for each in job.integrations],
        "trained_tokens": job.trained_tokens,
        "invalid_sample_skip_percentage": job.invalid_sample_skip_percentage,
        "metadata": {name: job.details.get(name) for name in _METADATA}
        | {"cost": job.details.get("cost", 0.0)},
    }


def show_integration(integration: dict[str, Any]) -> dict[str, Any]:
    """Where a job reports to; the key was never kept."""
    fields = ("type", "project", "name", "run_name", "url")
    return {field: integration.get(field) for field in fields}


def show_job_details(
    job: JobRow, events: Iterable[JobEventRow], checkpoints: Iterable[JobCheckpointRow]
) -> dict[str, Any]:
    """A job with its targets, its events (oldest first) and checkpoints (newest first)."""
    return show_job(job) | {
        "classifier_targets": job.classifier_targets,
        "events": [
            {"name": event.name, "data": event.data, "created_at": seconds(event.created_at)}
            for event in events
        ],
        "checkpoints": [
            {
                "metrics": {
                    "train_loss": each.train_loss,
                    "valid_loss": each.valid_loss,
                    "valid_mean_token_accuracy": each.valid_accuracy,
                },
                "step_number": each.step,
                "created_at": seconds(each.created_at),
            }
            for each in checkpoints
        ],
    }


def show_model(model: ModelRow) -> dict[str, Any]:
    """A fine-tuned model as the calls that change it show it."""
    return {
        "id": model.id,
        "object": "model",
        "created": seconds(model.created_at),
        "owned_by": OWNER,
        "workspace_id": model.workspace,
        "root": model.root,
        "root_version": model.root_version,
        "archived": model.archived,
        "name": model.name,
        "description": model.description,
        "capabilities": capabilities(),
        "max_context_length": model.max_context_length,
        "aliases": [],
        "job": model.job_id,
        "classifier_targets": model.targets,
        "model_type": "classifier",
        "pinned_id": f"{model.id}@sha256:{model.digest}",
    }


def show_card(model: ModelRow) -> dict[str, Any]:
    """A fine-tuned model in `/v1/models`, with all the fields that the base models have there."""
    return {
        "id": model.id,
        "object": "model",
        "created": seconds(model.created_at),
        "owned_by": OWNER,
        "name": model.name or model.id,
        "description": model.description or f"Fine-tuned from {model.root}.",
        "type": "fine-tuned",
        "capabilities": capabilities(),
        "max_context_length": model.max_context_length,
        "aliases": [],
        "root": model.root,
        "job": model.job_id,
        "archived": model.archived,
        "pinned_id": f"{model.id}@sha256:{model.digest}",
        "classifier_targets": model.targets,
    }


def capabilities() -> dict[str, bool]:
    """What a fine-tuned classifier can do."""
    return {
        "completion_chat": False,
        "function_calling": False,
        "completion_fim": False,
        "fine_tuning": False,
        "vision": False,
        "classification": True,
        "moderation": False,
    }


def is_finished(status: str) -> bool:
    """Whether nothing happens to a job of this status any more."""
    return Status(status) in FINAL


def show_estimate(details: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The answer to a dry run."""
    return {
        "object": "job.metadata",
        "deprecated": True,
        "details": " ".join(words),
        "training_steps": details["hyperparameters"]["training_steps"],
        "epochs": details["hyperparameters"]["epochs"],
        **{name: details.get(name) for name in _METADATA},
        "cost": details.get("cost", 0.0),
    }


def seconds(moment: datetime) -> int:
    """A moment as the API's clients read it: whole UNIX seconds."""
    return int(moment.timestamp())
