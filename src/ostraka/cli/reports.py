"""`ostraka reports …`: statements of reasons, the transparency report, items and decisions."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from ostraka.bulk.tables import TableFormat, write_table
from ostraka.errors import InvalidInputError
from ostraka.review import exports
from ostraka.review import transparency as figures
from ostraka.review.measures import Measure, Period, measures
from ostraka.review.policies import PolicyStore
from ostraka.review.statement_vocabulary import FIELDS
from ostraka.review.statements import Statements, terms_of
from ostraka.settings import Settings, load_settings
from ostraka.storage.database import Database

app = typer.Typer(help="Write statements, the transparency report, exports.", no_args_is_help=True)


class ReportFormat(StrEnum):
    """What a report can be written as."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    MD = "md"


@app.callback()
def _group() -> None:
    """Write statements, the transparency report, exports."""


_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
From = Annotated[
    datetime | None,
    typer.Option("--from", formats=_DAYS, help="First day, in UTC; that of last month if none."),
]
To = Annotated[
    datetime | None,
    typer.Option(
        "--to",
        formats=_DAYS,
        help="Up to this day, without it; the first of this month if none, now if it begins later.",
    ),
]
Output = Annotated[Path | None, typer.Option(help="A file; standard output if none.")]


@app.command()
def transparency(
    since: From = None,
    until: To = None,
    format: Annotated[ReportFormat, typer.Option(help="How to write it.")] = ReportFormat.MD,
    output: Output = None,
) -> None:
    """How much was done in a period, by whom, and how often it was wrong."""
    period = _period(since, until)
    with _reading(load_settings()) as session:
        found = figures.transparency(session, period)
    if format is ReportFormat.MD:
        _write_text(figures.as_markdown(found, period), output)
        return
    rows = (each.as_dict() for each in found)
    _write(rows, figures.COLUMNS, {"value": float}, output, format, period)


@app.command()
def statements(
    since: From = None,
    until: To = None,
    format: Annotated[
        ReportFormat, typer.Option(help="How to write them; `md` writes the authors' letters.")
    ] = ReportFormat.JSONL,
    warnings: Annotated[
        bool, typer.Option("--warnings", help="Warnings too, which restrict nothing.")
    ] = False,
    output: Output = None,
) -> None:
    """Statements of reasons, in the fields of the EU's DSA Transparency Database.

    Left out is what was undone, and what only confirmed an earlier measure.
    """
    settings = load_settings()
    period = _period(since, until)
    with _reading(settings) as session:
        made = Statements(session, PolicyStore(), terms_of(settings))
        wanted = (each for each in measures(session, period) if _is_stated(each, warnings=warnings))
        if format is ReportFormat.MD:
            _write_text("\n---\n\n".join(made.text(each) for each in wanted), output)
            return
        _write(map(made.fields, wanted), FIELDS, {}, output, format, period)


@app.command()
def items(
    since: From = None,
    until: To = None,
    format: Annotated[TableFormat, typer.Option(help="How to write them.")] = TableFormat.JSONL,
    texts: Annotated[
        bool, typer.Option("--texts/--no-texts", help="With what the items say and their metadata.")
    ] = True,
    output: Output = None,
) -> None:
    """Items of a period, each with the verdict that counts."""
    period = _period(since, until)
    with _reading(load_settings()) as session:
        rows = exports.item_rows(session, period, texts=texts)
        _write(rows, exports.ITEM_COLUMNS, exports.KINDS, output, ReportFormat(format), period)


@app.command()
def decisions(
    since: From = None,
    until: To = None,
    format: Annotated[TableFormat, typer.Option(help="How to write them.")] = TableFormat.JSONL,
    output: Output = None,
) -> None:
    """Every decision of a period, undos and blind second opinions too."""
    period = _period(since, until)
    with _reading(load_settings()) as session:
        rows = exports.decision_rows(session, period)
        _write(rows, exports.DECISION_COLUMNS, exports.KINDS, output, ReportFormat(format), period)


def _is_stated(measure: Measure, *, warnings: bool) -> bool:
    if measure.undone or measure.confirms:
        return False
    return warnings or measure.action != "warn"


def _period(since: datetime | None, until: datetime | None) -> Period:
    """What was asked for; without anything the last whole month."""
    now = datetime.now(UTC)
    this_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begun = since is not None and since.replace(tzinfo=UTC) >= this_month
    end = until.replace(tzinfo=UTC) if until else now if begun else this_month
    start = since.replace(tzinfo=UTC) if since else (end - timedelta(days=1)).replace(day=1)
    if start >= end:
        raise InvalidInputError(f"--from ({start:%Y-%m-%d}) is not before --to ({end:%Y-%m-%d})")
    return Period(start, end)


def _write(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    kinds: Mapping[str, type],
    output: Path | None,
    format: ReportFormat,
    period: Period,
) -> None:
    count = write_table(rows, columns, kinds, output, TableFormat(format))
    of = f"{period.since:%Y-%m-%d} up to {period.until:%Y-%m-%d}"
    typer.echo(f"{count} rows written, from {of}.", err=True)


def _write_text(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, "utf-8")


@contextmanager
def _reading(settings: Settings) -> Iterator[Session]:
    database = Database.at(settings.resolved_database_url)
    try:
        with database.reading() as session:
            yield session
    finally:
        database.close()
