"""`ostraka keys …`: make, list and revoke API keys.

SQLAlchemy is imported where it is used: it takes half a second, which no other command needs.
"""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ostraka.access.keys import ApiKey, Scope, parse_duration
from ostraka.errors import NotFoundError
from ostraka.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostraka.storage.database import Database

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make, list and revoke API keys."""


Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whom or what the key is for.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do; give it several times for several. `moderate` if none."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Time to live: 12h, 90d, 4w. For ever if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key and show it, once."""
    from ostraka.access.store import create_key

    lifetime = parse_duration(expires) if expires else None
    with _database() as database, database.writing() as session:
        key, secret = create_key(
            session, name, scope or [Scope.MODERATE], datetime.now(UTC), lifetime
        )
    if as_json:
        typer.echo(json.dumps(_card(key) | {"key": secret}))
        return
    typer.echo(secret)
    until = f", until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
    Console(stderr=True).print(
        f"{key.id} '{key.name}' may {', '.join(sorted(key.scopes))}{until}.\n"
        "[bold]Copy the key now: only its digest is kept.[/]",
        highlight=False,
        soft_wrap=True,
    )


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List all keys, revoked and expired ones too."""
    from ostraka.access.store import all_keys

    with _database() as database:
        if database.location.exists():
            with database.reading() as session:
                keys = all_keys(session)
        else:
            keys = []
    if as_json:
        typer.echo(json.dumps([_card(key) for key in keys]))
        return
    if not keys:
        typer.echo("No key was made yet: ostraka keys create NAME --scope moderate")
        return
    table = Table("id", "name", "scopes", "state", "created", "last used", "expires")
    for key in keys:
        table.add_row(
            key.id,
            key.name,
            ", ".join(sorted(key.scopes)),
            _state(key),
            *(_day(moment) for moment in (key.created_at, key.last_used_at, key.expires_at)),
        )
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, `key_…`.")],
    as_json: Json = False,
) -> None:
    """Make a key worthless. Running servers notice within seconds."""
    from ostraka.access.store import revoke_key

    with _database() as database:
        if not database.location.exists():
            raise NotFoundError("No key was made yet.")
        with database.writing() as session:
            key = revoke_key(session, key_id, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(_card(key)))
        return
    typer.echo(f"{key.id} '{key.name}' is revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC.")


@contextmanager
def _database() -> "Iterator[Database]":
    from ostraka.storage.database import Database

    database = Database.at(load_settings().resolved_database_url)
    try:
        yield database
    finally:
        database.close()


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "active" if key.is_active(datetime.now(UTC)) else "expired"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def _card(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": _state(key),
        "created_at": _moment(key.created_at),
        "last_used_at": _moment(key.last_used_at),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
