"""`ostraka quality golden …`: items whose right decision is known, dealt to reviewers unseen."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy.orm import Session

from ostraka.cli.console import answers, notices
from ostraka.review.golden import add_golden, every_golden, retire_golden
from ostraka.review.items import find_item
from ostraka.review.terms import Ruling
from ostraka.settings import load_settings
from ostraka.storage.audit import LOCAL
from ostraka.storage.database import Database
from ostraka.taxonomy import Action, ViolationType

app = typer.Typer(help="Name items whose right decision is known.", no_args_is_help=True)

_SHOWN = 60
Item = Annotated[str, typer.Argument(metavar="ITEM", help="The item's id, or yours.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.callback()
def _group() -> None:
    """Name items whose right decision is known; reviewers get them among other cases."""


@app.command()
def add(
    item: Item,
    action: Annotated[Action, typer.Option(help="What is right.")],
    violation: Annotated[
        ViolationType, typer.Option(help="What it violates; `none` where it is approved.")
    ] = ViolationType.NONE,
    why: Annotated[str, typer.Option(help="Why that is right, for those who ask later.")] = "",
) -> None:
    """Say what the right decision on an item is; said again, it replaces the first.

    For example:

      ostraka quality golden add post-17 --action remove --violation spam
    """
    with _database() as database, database.writing() as session:
        known = _id_of(session, item)
        add_golden(session, known, Ruling(action, violation, why), LOCAL, datetime.now(UTC))
    typer.echo(f"{known} is a golden case: {action}, {violation}.")


@app.command()
def retire(item: Item) -> None:
    """Deal an item no more; what reviewers said of it still counts.

    For example:

      ostraka quality golden retire post-17
    """
    with _database() as database, database.writing() as session:
        known = _id_of(session, item)
        retire_golden(session, known, LOCAL, datetime.now(UTC))
    typer.echo(f"{known} is a golden case no more.")


@app.command("list")
def list_golden(as_json: Json = False) -> None:
    """List the golden cases that are dealt, the newest first."""
    with _database() as database, database.reading() as session:
        rows = [
            {
                "item_id": item.id,
                "external_id": item.external_id,
                "action": golden.action,
                "violation": golden.violation,
                "why": golden.explanation,
                "text": item.text,
            }
            for golden, item in every_golden(session)
        ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        notices().print("There are none. Name one with: ostraka quality golden add ITEM …")
        return
    table = Table(Column("item", overflow="fold"), "action", "violation", "text")
    for row in rows:
        name, text = row["external_id"] or row["item_id"], " ".join((row["text"] or "").split())
        table.add_row(*map(_plain, (name, row["action"], row["violation"], text[:_SHOWN])))
    answers().print(table)


def _plain(text: str | None) -> Text:
    return Text(text or "")


def _id_of(session: Session, name: str) -> str:
    ours = name.startswith("item_")
    return find_item(session, name if ours else None, None if ours else name).id


@contextmanager
def _database() -> Iterator[Database]:
    with closing(Database.at(load_settings().resolved_database_url)) as database:
        yield database
