"""`ostraka audit …`: look at the log of what was done, and make sure that nobody changed it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ostraka.errors import DataError
from ostraka.review.record_shapes import read_entry, show_entry, show_head, show_verification
from ostraka.settings import load_settings
from ostraka.storage import audit
from ostraka.storage.chain import Anchor, Entry, Verification, check
from ostraka.storage.database import Database

app = typer.Typer(help="Look at the audit log and verify it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at the audit log and verify it."""


Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Actor = Annotated[str | None, typer.Option(help="Only what this person, key or `system` did.")]
Act = Annotated[str | None, typer.Option(help="Only this act, such as decision.made.")]
Subject = Annotated[str | None, typer.Option(help="Only what was done to this id.")]
Since = Annotated[datetime | None, typer.Option(help="Only from this moment on, in UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Only before this moment, in UTC.")]


@app.command()
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(help="SEQUENCE:HASH that `ostraka audit head` printed; may be repeated."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Verify an export instead of the database; - is stdin.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the whole log and name the first entry that is not what was written.

    Without a head that you kept elsewhere, nothing can tell that the end is missing or that all of
    it was written anew. The exit code is 1 where something is found.
    """
    anchors = [Anchor.parse(each) for each in head or ()]
    if file is not None:
        found = check(_exported(file), anchors)
    else:
        with _database() as database, database.reading() as session:
            found = audit.verify(session, anchors)
    if as_json:
        typer.echo(json.dumps(show_verification(found)))
    else:
        _say(found)
    if not found.whole:
        raise typer.Exit(1)


@app.command("list")
def list_entries(
    actor: Actor = None,
    act: Act = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List entries, the newest first."""
    wanted = audit.EntryFilter(actor, act, subject, _utc(since), _utc(until))
    with _database() as database, database.reading() as session:
        entries = audit.list_entries(session, wanted, limit)
    if as_json:
        typer.echo(json.dumps([show_entry(entry) for entry in entries]))
        return
    if not entries:
        typer.echo("There are no such entries.")
        return
    table = Table("sequence", "when", "actor", "act", "subject", "detail")
    for each in entries:
        detail = json.dumps(each.detail, ensure_ascii=False)
        when = f"{each.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(each.sequence), when, each.actor, each.act, each.subject, detail)
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command()
def export(
    output: Annotated[Path | None, typer.Argument(help="A file; standard output if none.")] = None,
    actor: Actor = None,
    act: Act = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write the log as JSON Lines, oldest first; all of it can be verified with `--file`."""
    wanted = audit.EntryFilter(actor, act, subject, _utc(since), _utc(until))
    count = 0
    with _database() as database, database.reading() as session:
        stream = sys.stdout if output is None else output.open("w", encoding="utf-8")
        try:
            for entry in audit.every_entry(session, wanted):
                stream.write(json.dumps(show_entry(entry)) + "\n")
                count += 1
        finally:
            if output is not None:
                stream.close()
    typer.echo(f"{count} entries written.", err=True)


@app.command()
def head(as_json: Json = False) -> None:
    """Print the newest entry's place and hash, to be kept where nobody can change it."""
    with _database() as database, database.reading() as session:
        shown = show_head(audit.head(session))
    if as_json:
        typer.echo(json.dumps(shown))
    else:
        typer.echo(shown["head"] or "The log is empty.")


def _say(found: Verification) -> None:
    if found.broken is not None:
        typer.echo(f"Broken at entry {found.broken.sequence} ({found.broken.damage}).")
        typer.echo(found.broken.message)
    elif found.head is None:
        typer.echo("The log is empty.")
    else:
        typer.echo(f"{found.entries} entries, all as they were written. Head: {found.head}")


def _exported(file: Path) -> Iterator[Entry]:
    stream = sys.stdin if str(file) == "-" else file.open(encoding="utf-8")
    with stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield read_entry(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{file}, line {number} is no entry of an audit log") from error


@contextmanager
def _database() -> Iterator[Database]:
    database = Database.at(load_settings().resolved_database_url)
    try:
        yield database
    finally:
        database.close()


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
