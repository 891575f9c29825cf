"""`ostraka policy add | list | activate | rollback`: which policy acts, in the database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.cli.policy import File, Json, classifier, policy_text
from ostraka.policy.testing import Score, scorer_of, texts_of
from ostraka.review.policies import PolicyStore, history, shadows
from ostraka.review.promoting import Promotion, promote
from ostraka.review.shapes import show_activation, show_policy
from ostraka.review.tables import PolicyRow
from ostraka.settings import load_settings
from ostraka.storage.database import Database

ACTOR = "local"
MOST = 100

Note = Annotated[str, typer.Option(help="Why, for those who ask later.")]


def add(policy: File, note: Note = "", as_json: Json = False) -> None:
    """Add a policy to the database; it does not act before it is activated.

    For example:

      ostraka policy add policy.toml --note "Stricter on threats"
    """
    text = policy_text(policy)
    with _writing() as session:
        row = PolicyStore().add(session, text, ACTOR, note, datetime.now(UTC))
        shown = show_policy(row)
    typer.echo(json.dumps(shown) if as_json else f"{shown['digest']} '{shown['name']}' is kept.")


def list_policies(as_json: Json = False) -> None:
    """List the policies that are kept, and which one acts."""
    store = PolicyStore()
    with _database() as database, database.reading() as session:
        active, in_shadow = store.active(session).digest, shadows(session)
        rows = session.scalars(
            select(PolicyRow).order_by(PolicyRow.created_at.desc()).limit(MOST)
        ).all()
        shown = [_line(show_policy(row), active, in_shadow) for row in rows]
        if active not in {each["digest"] for each in shown}:
            shown.append(_line(_default(store), active, in_shadow))
        steps = [show_activation(row) for row in history(session, MOST)]
    if as_json:
        typer.echo(json.dumps({"policies": shown, "activations": steps}))
        return
    table = Table("digest", "name", "state", "added", "by", "note")
    for each in shown:
        table.add_row(
            each["digest"][:19],
            each["name"],
            each["state"],
            (each["created_at"] or "–")[:16],
            each["author"],
            each["note"],
        )
    Console(width=None if Console().is_terminal else 200).print(table)


def activate(
    digest: Annotated[str, typer.Argument(help="The policy's digest, or its first 8 digits.")],
    note: Note = "",
    without_backtest: Annotated[
        bool,
        typer.Option(
            "--without-backtest", help="Although it was never replayed on the items that are kept."
        ),
    ] = False,
    without_shadow: Annotated[
        bool,
        typer.Option("--without-shadow", help="Although it has seen too few items in shadow."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a policy act from now on; running servers notice with their next item.

    Its examples are run first, and all of them must hold.

    For example:

      ostraka policy activate 758c6680 --note "Agreed on Monday"
    """
    store, moment = PolicyStore(), datetime.now(UTC)
    wanted = Promotion(
        digest,
        ACTOR,
        note,
        load_settings().shadow_minimum,
        score=_scorer(store, digest),
        without_backtest=without_backtest,
        without_shadow=without_shadow,
    )
    with _writing() as session:
        shown = show_activation(promote(session, store, wanted, moment))
    _print(shown, as_json)


def rollback(note: Note = "", as_json: Json = False) -> None:
    """Let the policy act that acted before the present one.

    Doing it twice goes two steps back.
    """
    with _writing() as session:
        shown = show_activation(PolicyStore().rollback(session, ACTOR, note, datetime.now(UTC)))
    _print(shown, as_json)


def _scorer(store: PolicyStore, digest: str) -> Score | None:
    """The classifier, with what it says of the policy's texts at hand; None if it has no texts."""
    with _database() as database, database.reading() as session:
        texts = texts_of(store.get(session, store.digest(session, digest)))
    if not texts:
        return None
    score = classifier()
    return scorer_of({text: score(text) for text in texts})


def _print(shown: dict[str, Any], as_json: bool) -> None:
    typer.echo(json.dumps(shown) if as_json else f"{shown['policy']} acts now.")


def _line(shown: dict[str, Any], active: str, in_shadow: list[str]) -> dict[str, Any]:
    state = "shadow" if shown["digest"] in in_shadow else ""
    return shown | {"state": "acts" if shown["digest"] == active else state}


def _default(store: PolicyStore) -> dict[str, Any]:
    policy = store.default()
    return {
        "digest": policy.digest,
        "created_at": None,
        "name": policy.name,
        "author": "system",
        "note": "Ships with Ostraka.",
    }


@contextmanager
def _database() -> Iterator[Database]:
    database = Database.at(load_settings().resolved_database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _writing() -> Iterator[Session]:
    with _database() as database, database.writing() as session:
        yield session
