"""The tables of this room."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from ostraka.storage.tables import Base, Identified

UNFINISHED: Final = ("QUEUED", "VALIDATING", "VALIDATED", "RUNNING")
"""Statuses in which the same job cannot be asked for again."""


class FileRow(Identified, Base):
    """One uploaded file; its bytes lie in the object store under `object_key`.

    A deleted file's row stays for the jobs that name it. Its bytes go as soon as no unfinished
    job needs them, which `purged_at` notes.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index("ix_files_created_at", "created_at"),
        Index(
            "uq_files_same",
            "filename",
            "sha256",
            "purpose",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    filename: Mapped[str] = mapped_column(String(500))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(20))
    sample_type: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(20))
    num_lines: Mapped[int | None] = mapped_column(BigInteger)
    mimetype: Mapped[str] = mapped_column(String(100))
    visibility: Mapped[str] = mapped_column(String(20))
    object_key: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]


class JobRow(Identified, Base):
    """One training job. `started` tells the second QUEUED from the first.

    `fingerprint` is a digest of what was asked, so that the same job is not queued twice.
    """

    __tablename__ = "training_jobs"
    __table_args__ = (
        Index("ix_training_jobs_created_at", "created_at"),
        Index("ix_training_jobs_status", "status"),
        Index(
            "uq_training_jobs_unfinished",
            "fingerprint",
            unique=True,
            sqlite_where=text(f"status IN {UNFINISHED}"),
            postgresql_where=text(f"status IN {UNFINISHED}"),
        ),
    )

    modified_at: Mapped[datetime]
    model: Mapped[str] = mapped_column(String(500))
    base: Mapped[str] = mapped_column(String(500))
    status: Mapped[str] = mapped_column(String(30))
    started: Mapped[bool]
    auto_start: Mapped[bool]
    suffix: Mapped[str | None] = mapped_column(String(18))
    hyperparameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    training_files: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    validation_files: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    test_files: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    integrations: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    wandb_project: Mapped[str | None] = mapped_column(String(500))
    wandb_name: Mapped[str | None] = mapped_column(String(500))
    given_targets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    invalid_sample_skip_percentage: Mapped[float]
    classifier_targets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    trained_tokens: Mapped[int | None] = mapped_column(BigInteger)
    fine_tuned_model: Mapped[str | None] = mapped_column(String(700))
    fingerprint: Mapped[str] = mapped_column(String(64))
    work_id: Mapped[str | None] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(64))

    @property
    def file_ids(self) -> list[str]:
        """Of all its files: to learn from, to validate on, to test on."""
        training = [each["file_id"] for each in self.training_files]
        return [*training, *(self.validation_files or ()), *(self.test_files or ())]


class JobEventRow(Base):
    """What happened to a job; ids grow in the order in which it did."""

    __tablename__ = "job_events"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("training_jobs.id"), index=True)
    created_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class JobCheckpointRow(Base):
    """A job's losses at a step; 0.0 where nothing was evaluated."""

    __tablename__ = "job_checkpoints"

    job_id: Mapped[str] = mapped_column(ForeignKey("training_jobs.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    train_loss: Mapped[float]
    valid_loss: Mapped[float]
    valid_accuracy: Mapped[float]


class ModelRow(Base):
    """One fine-tuned model; its folder lies in the object store under `object_prefix`.

    The row is written together with its job's success, so a model that is not whole is not there.
    """

    __tablename__ = "trained_models"
    __table_args__ = (Index("ix_trained_models_created_at", "created_at"),)

    id: Mapped[str] = mapped_column(String(700), primary_key=True)
    created_at: Mapped[datetime]
    job_id: Mapped[str] = mapped_column(ForeignKey("training_jobs.id"), unique=True)
    workspace: Mapped[str] = mapped_column(String(8))
    root: Mapped[str] = mapped_column(String(500))
    root_version: Mapped[str] = mapped_column(String(100))
    name: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    archived: Mapped[bool]
    targets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    object_prefix: Mapped[str] = mapped_column(String(200))
    max_context_length: Mapped[int]


class SecretRow(Base):
    """A random secret that all servers of one database share, made on first use."""

    __tablename__ = "factory_secrets"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class BatchRow(Identified, Base):
    """Many requests to one endpoint, answered by a worker. `input_keys` name their objects.

    The files of answers and of failures are made together with the end of the batch.
    """

    __tablename__ = "batch_jobs"
    __table_args__ = (
        Index("ix_batch_jobs_created_at", "created_at"),
        Index("ix_batch_jobs_status", "status"),
    )

    endpoint: Mapped[str] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(700))
    status: Mapped[str] = mapped_column(String(30))
    input_files: Mapped[list[str]]
    input_keys: Mapped[list[str]]
    batch_metadata: Mapped[dict[str, Any] | None] = mapped_column(
        "metadata", JSON(none_as_null=True)
    )
    timeout_hours: Mapped[int]
    output_file: Mapped[str | None] = mapped_column(String(64))
    error_file: Mapped[str | None] = mapped_column(String(64))
    errors: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    total_requests: Mapped[int]
    succeeded_requests: Mapped[int]
    failed_requests: Mapped[int]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    work_id: Mapped[str | None] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(64))
