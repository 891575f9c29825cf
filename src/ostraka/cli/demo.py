"""`ostraka demo`: see a living system within a minute."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ostraka.access.links import PATH
from ostraka.cli.main import serve as start_server
from ostraka.demo.filling import LINK_LIFETIME, SEED, Filled, fill
from ostraka.demo.folder import make_room, mark, remove
from ostraka.moderator import Moderator
from ostraka.settings import Settings, load_settings
from ostraka.storage.database import Database

_messages = Console(stderr=True)


def demo(
    serve: Annotated[
        bool, typer.Option("--serve", help="Start the server when the demo is made.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace an earlier demo, and do not mind other files in the folder."
        ),
    ] = False,
    take_away: Annotated[
        bool, typer.Option("--remove", help="Delete the folder of an earlier demo.")
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed gives other days and mistakes.")
    ] = SEED,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Fill an empty data folder with two weeks of moderation that never happened.

    People of every role, items that the classifier scores, cases, decisions, appeals, policies.
    For example:

      OSTRAKA_DATA_DIR=demo ostraka demo --serve
    """
    settings = load_settings()
    database = Database.at(settings.resolved_database_url)
    try:
        if take_away:
            folder = remove(settings, database)
            typer.echo(json.dumps({"removed": str(folder)}) if as_json else f"{folder} is gone.")
            return
        make_room(settings, database, force=force)
        filled = _make(settings, database, seed)
    finally:
        database.close()
    _show(settings, filled, as_json=as_json)
    if serve:
        start_server()


def _make(settings: Settings, database: Database, seed: int) -> Filled:
    now = datetime.now(UTC)
    mark(settings.data_dir, now, seed)
    with _messages.status("Two weeks go by…"):
        return fill(database, Moderator.default(settings), now, seed)


def _show(settings: Settings, filled: Filled, *, as_json: bool) -> None:
    base = settings.public_url.rstrip("/") or f"http://{settings.host}:{settings.port}"
    rows = [
        {
            "name": each.person.name,
            "role": str(each.person.role),
            "link": f"{base}{PATH}{each.token}",
        }
        for each in filled.sign_ins
    ]
    if as_json:
        counts = filled.counts | {"audit_entries": filled.audit_entries}
        typer.echo(json.dumps({"people": rows, "counts": counts}))
        return
    table = Table("name", "role", "signs in once with", box=None)
    for row in rows:
        table.add_row(row["name"], row["role"].replace("_", " "), row["link"])
    Console(width=None if Console().is_terminal else 200).print(table)
    told = ", ".join(f"{count} {name}" for name, count in filled.counts.items())
    _messages.print(f"{told}; {filled.audit_entries} entries in the audit log.", highlight=False)
    _messages.print(
        f"The links work for {LINK_LIFETIME.days} days; `ostraka people link NAME` makes others. "
        "Start the server with `ostraka serve`.",
        highlight=False,
    )
