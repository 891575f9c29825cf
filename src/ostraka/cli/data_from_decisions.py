"""`ostraka data from-decisions`: what people decided, as training data."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ostraka import __version__
from ostraka.bulk.tables import whole_file
from ostraka.bulk.writing import json_line
from ostraka.errors import InvalidInputError
from ostraka.review.labelled import TARGET, Labelled, Tally, labelled_rows
from ostraka.review.measures import Period
from ostraka.settings import load_settings
from ostraka.storage.database import Database

_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def from_decisions(
    output: Annotated[Path, typer.Argument(help="The file of rows, .jsonl.")],
    target: Annotated[
        str, typer.Option(help="Name of the target that the labels are of.")
    ] = TARGET,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAYS, help="Decided from this day on, UTC."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_DAYS, help="Decided before this day, UTC.")
    ] = None,
    reviewers: Annotated[
        int, typer.Option(min=1, help="Only items on which so many people said something.")
    ] = 1,
    agents: Annotated[
        bool, typer.Option("--agents", help="What agents decided too, not only people.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary, for machines.")] = False,
) -> None:
    """Make training data of what people decided, for `ostraka jobs create`.

    The label is the violation of the decision that stands; what is approved has none. Overturned
    decisions are corrected, undone ones and erased texts are left out and counted. Beside the rows
    stand their provenance, a line each, and a summary.
    """
    if output.suffix != ".jsonl":
        raise InvalidInputError(f"'{output}' does not end with .jsonl", field="output")
    now = datetime.now(UTC)
    start = since.replace(tzinfo=UTC) if since else _EVER
    period = Period(start, until.replace(tzinfo=UTC) if until else now)
    tally = Tally()
    database = Database.at(load_settings().resolved_database_url)
    try:
        with database.reading() as session:
            rows = labelled_rows(
                session, period, tally, target=target, reviewers=reviewers, agents=agents
            )
            summary = _write(rows, tally, output, {"target": target, "made_at": now.isoformat()})
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps(summary))
        return
    left_out = ", ".join(f"{count} {why}" for why, count in summary["left_out"].items())
    typer.echo(f"{tally.rows} rows in {output}, {tally.corrected} of them corrected.")
    typer.echo(f"Left out: {left_out or 'nothing'}.")
    for label, count in summary["labels"].items():
        typer.echo(f"  {label}: {count}")


def _write(
    rows: Iterable[Labelled], tally: Tally, output: Path, stated: dict[str, Any]
) -> dict[str, Any]:
    """Three files that appear together: rows, their provenance, the summary."""
    digest = hashlib.sha256()
    with ExitStack() as files:
        summary_path = files.enter_context(whole_file(output.with_suffix(".provenance.json")))
        lines_path = files.enter_context(whole_file(output.with_suffix(".provenance.jsonl")))
        rows_path = files.enter_context(whole_file(output))
        with rows_path.open("wb") as kept, lines_path.open("w", encoding="utf-8") as lines:
            for number, each in enumerate(rows, start=1):
                line = json_line(each.row).encode()
                digest.update(line)
                kept.write(line)
                lines.write(json_line({"row": number} | each.provenance))
        summary = {
            **stated,
            "ostraka": __version__,
            "file": output.name,
            "sha256": digest.hexdigest(),
            **tally.as_dict(),
        }
        summary_path.write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    return summary
