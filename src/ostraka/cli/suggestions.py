"""`ostraka suggestions …`: what clients suggested through `comments:suggestscore`."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from ostraka.settings import load_settings

app = typer.Typer(help="Scores that clients suggested for texts.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Scores that clients suggested for texts."""


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option(help="File to write; standard output if not given.")
    ] = None,
    community: Annotated[str | None, typer.Option(help="Only this community's.")] = None,
) -> None:
    """Write all suggestions as labelled rows (JSONL), ready for training."""
    # SQLAlchemy takes half a second to import, which no other command needs.
    from ostraka.storage.database import Database
    from ostraka.suggestions.store import labelled_rows

    database = Database.at(load_settings().resolved_database_url)
    count = 0
    with output.open("w", encoding="utf-8") if output else nullcontext(sys.stdout) as file:
        if database.location.exists():
            with database.reading() as session:
                for row in labelled_rows(session, community):
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    count += 1
    database.close()
    typer.echo(f"{count} suggestions", err=True)
