"""`ostraka webhooks …`: who hears of events, and what became of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ostraka.access.keys import parse_duration
from ostraka.errors import InvalidInputError
from ostraka.review import webhook_store as store
from ostraka.review.events import DELIVERY_STATES, EVENTS
from ostraka.review.record_shapes import show_delivery, show_webhook
from ostraka.settings import Settings, load_settings
from ostraka.storage.database import Database

app = typer.Typer(help="Add webhooks, look at deliveries, replay them.", no_args_is_help=True)
_ACTOR = "local"


@app.callback()
def _group() -> None:
    """Add webhooks, look at deliveries, replay them."""


Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, `webhook_…`.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where it goes: https://…")],
    event: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(EVENTS)}; give it several times for several. All if none."),
    ] = None,
    description: Annotated[str, typer.Option(help="What or whom it is for.")] = "",
    as_json: Json = False,
) -> None:
    """Add a webhook and show its secret, once."""
    settings = load_settings()

    def act(session: Session, now: datetime) -> dict[str, Any]:
        row, secret = store.add_webhook(
            session,
            url,
            event or EVENTS,
            description,
            private=settings.webhook_private_addresses,
            actor=_ACTOR,
            now=now,
        )
        return show_webhook(row) | {"secret": secret}

    _show_secret(_write(settings, act), as_json)


@app.command("list")
def list_webhooks(as_json: Json = False) -> None:
    """List all webhooks."""
    with _database(load_settings()) as database, database.reading() as session:
        cards = [show_webhook(row) for row in store.list_webhooks(session)]
    if as_json:
        typer.echo(json.dumps(cards))
        return
    if not cards:
        typer.echo("There are no webhooks; `ostraka webhooks add` makes one.")
        return
    _print(cards, ("id", "url", "description", "events", "enabled", "failures", "disabled_why"))


@app.command()
def remove(webhook_id: Id) -> None:
    """Remove a webhook; what is still to be sent to it is dropped."""

    def act(session: Session, now: datetime) -> None:
        store.remove_webhook(session, webhook_id, actor=_ACTOR, now=now)

    _write(load_settings(), act)
    typer.echo(f"{webhook_id} is removed.")


@app.command()
def enable(webhook_id: Id) -> None:
    """Send to a disabled webhook again, its failures forgotten."""
    _switch(webhook_id, enabled=True)


@app.command()
def disable(webhook_id: Id) -> None:
    """Send nothing to a webhook until it is enabled."""
    _switch(webhook_id, enabled=False)


@app.command()
def rotate(
    webhook_id: Id,
    overlap: Annotated[
        str, typer.Option(help="For how long messages are signed with the old secret too: 12h, 7d.")
    ] = "24h",
    as_json: Json = False,
) -> None:
    """Give a webhook a new secret and show it, once."""
    length = parse_duration(overlap)

    def act(session: Session, now: datetime) -> dict[str, Any]:
        row, secret = store.rotate_secret(session, webhook_id, length, actor=_ACTOR, now=now)
        return show_webhook(row) | {"secret": secret}

    _show_secret(_write(load_settings(), act), as_json)


@app.command()
def test(webhook_id: Id) -> None:
    """Send a message that says nothing; a worker has to run."""

    def act(session: Session, now: datetime) -> str:
        return store.send_test(session, webhook_id, actor=_ACTOR, now=now)

    delivery_id: str = _write(load_settings(), act)
    typer.echo(f"{delivery_id} is on its way; `ostraka webhooks deliveries` says how it went.")


@app.command()
def deliveries(
    webhook: Annotated[str | None, typer.Option(help="Only to this webhook.")] = None,
    state: Annotated[
        str | None, typer.Option(help=f"Only these: {', '.join(DELIVERY_STATES)}.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="Only of this event.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List deliveries, the newest first; those that are dead with `--state dead`."""
    wanted = store.DeliveryFilter(webhook, state, event)
    with _database(load_settings()) as database, database.reading() as session:
        cards = [show_delivery(row) for row in store.list_deliveries(session, wanted, limit)]
    if as_json:
        typer.echo(json.dumps(cards))
        return
    if not cards:
        typer.echo("There are no such deliveries.")
        return
    _print(cards, ("id", "webhook_id", "event", "state", "attempts", "created_at", "error"))


@app.command()
def replay(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="A delivery's id; or a webhook's, for all its dead.")
    ],
) -> None:
    """Send one delivery again, or all that are dead of a webhook; ids stay the same."""
    if not id.startswith(("delivery_", "webhook_")):
        raise InvalidInputError(
            f"'{id}' is no id of a delivery (`delivery_…`) or of a webhook (`webhook_…`)"
        )
    settings = load_settings()
    if id.startswith("delivery_"):
        _write(settings, lambda s, now: store.replay(s, id, actor=_ACTOR, now=now))
        typer.echo(f"{id} is on its way again.")
        return
    count = 0
    while True:
        sent: int = _write(settings, lambda s, now: store.replay_dead(s, id, actor=_ACTOR, now=now))
        count += sent
        if sent < store.REPLAYED_AT_A_TIME:
            break
    typer.echo(f"{count} on their way again.")


@app.command()
def prune(
    older: Annotated[str, typer.Option(help="Made longer ago than this: 12h, 30d, 4w.")],
) -> None:
    """Delete what was delivered or cancelled. Dead deliveries stay until you have seen to them."""
    before = datetime.now(UTC) - parse_duration(older)
    settings, count = load_settings(), 0
    while True:
        deleted: int = _write(settings, lambda s, _: store.forget_deliveries(s, before))
        count += deleted
        if not deleted:
            break
    typer.echo(f"{count} deleted.")


def _switch(webhook_id: str, *, enabled: bool) -> None:
    settings = load_settings()
    change = store.WebhookChange(enabled=enabled)

    def act(session: Session, now: datetime) -> None:
        private = settings.webhook_private_addresses
        store.change_webhook(session, webhook_id, change, private=private, actor=_ACTOR, now=now)

    _write(settings, act)
    typer.echo(f"{webhook_id} is {'enabled' if enabled else 'disabled'}.")


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    database = Database.at(settings.resolved_database_url)
    try:
        yield database
    finally:
        database.close()


def _write(settings: Settings, act: Callable[[Session, datetime], Any]) -> Any:
    with _database(settings) as database, database.writing() as session:
        return act(session, datetime.now(UTC))


def _show_secret(card: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(card))
        return
    typer.echo(card["secret"])
    Console(stderr=True).print(
        f"{card['id']} → {card['url']}\n[bold]Copy the secret now: it is not shown again.[/]",
        highlight=False,
        soft_wrap=True,
    )


def _print(cards: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table(*(name.replace("_", " ") for name in columns))
    for card in cards:
        table.add_row(*(_shown(card[name]) for name in columns))
    Console(width=None if Console().is_terminal else 200).print(table)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in (None, "") else str(value)
