"""What the commands of `ostraka trees` share: the store, options, tables."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ostraka.cli.console import notices
from ostraka.settings import load_settings
from ostraka.storage.database import Database
from ostraka.trees.changing import Hand
from ostraka.trees.configuration import read_configuration
from ostraka.trees.consequences import Consequences, TreeChange
from ostraka.trees.store import TreeStore

ACTOR: Final = "local"
_WIDE: Final = 200
_NOTHING: Final = "–"
_ID: Final = re.compile(r"[a-z]+_[0-9a-f]{32}")
_SHOWN_TREES: Final = 20

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Preview = Annotated[bool, typer.Option("--preview", help="Say what would change, change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@contextmanager
def opened() -> Iterator[TreeStore]:
    """The trees that the settings describe."""
    settings = load_settings()
    database = Database.at(settings.resolved_database_url)
    try:
        yield TreeStore(database, read_configuration(settings.trees_configuration))
    finally:
        database.close()


def hand(store: TreeStore, *, preview: bool = False) -> Hand:
    """Acts of whoever sits at this machine, now."""
    return Hand(store, ACTOR, moment(), preview)


def moment() -> datetime:
    """Now."""
    return datetime.now(UTC)


def say(value: Any) -> None:
    """Plain values for machines."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows for people, without columns that hold nothing.

    Ids are whole however narrow the terminal is: they are what other commands ask for.
    """
    told = {name: [shown(row.get(name)) for row in rows] for name in columns}
    told = {name: cells for name, cells in told.items() if {*cells} != {_NOTHING}}
    table = Table()
    for name, cells in told.items():
        is_id = any(_ID.fullmatch(cell) for cell in cells)
        table.add_column(name.replace("_", " "), no_wrap=is_id, overflow="fold")
    for line in zip(*told.values(), strict=True):
        table.add_row(*map(Text, line))
    wide_console(_WIDE).print(table)


def wide_console(width: int) -> Console:
    """Where answers go that are laid out: as wide as the terminal, or as said where there is none,
    so that nothing is cut off in a file or a pipe.
    """
    return Console(highlight=False, width=None if Console().is_terminal else width)


def shown(value: object) -> str:
    """One cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return _NOTHING if value in (None, "") else str(value)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be taken back.

    Raises:
        typer.Abort: the answer was no.
    """
    if not yes:
        typer.confirm(question, abort=True, err=True)


def print_change(change: TreeChange, what: str, *, preview: bool, as_json: bool) -> None:
    """What an act did to one tree, or would do."""
    if as_json:
        say({"act": what, "done": not preview, **_plain(change)})
        return
    would = "would be" if preview else "is"
    moved = f"{change.before} → {change.after}" if change.moves else change.after
    deleted = f", {change.messages_deleted} deleted" if change.messages_deleted else ""
    typer.echo(f"{change.tree_id} {would} {moved}{deleted}.")


def print_consequences(found: Consequences, *, as_json: bool) -> None:
    """What an act on a contributor did, or would do."""
    plain = found.as_dict()
    if as_json:
        say(plain)
        return
    console = notices()
    console.print("Done." if found.done else "[bold]A preview: nothing was changed.[/]")
    counted = {name: plain[name] for name in _WORDS}
    for name, number in counted.items():
        if number:
            word = _WORDS[name] if number > 0 else _WORDS[name].replace("withdrawn", "put back")
            typer.echo(f"{abs(number):>8,} {word}")
    if found.bans:
        typer.echo("They were banned, so whoever is left is banned too.")
    moved = [each for each in found.trees if each.moves]
    for each in moved[:_SHOWN_TREES]:
        typer.echo(f"  {each.tree_id}: {each.before} → {each.after}")
    if len(moved) > _SHOWN_TREES:
        typer.echo(f"  … and {len(moved) - _SHOWN_TREES:,} more")
    if not any(counted.values()) and not found.bans:
        typer.echo("Nothing changes.")


_WORDS: Final = {
    "messages_deleted": "messages deleted",
    "messages_erased": "texts erased for good",
    "messages_renamed": "messages of another author",
    "reviews": "reviews withdrawn",
    "votes": "rankings withdrawn",
    "marks": "marks taken off",
    "leases": "open tasks ended",
    "moved": "trees that move",
}


def _plain(change: TreeChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in TreeChange.__dataclass_fields__}
