"""Trees into files and out of them, on the command line."""

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from ostraka.cli.console import notices
from ostraka.cli.trees.opened import ACTOR, Json, Preview, moment, opened, say
from ostraka.errors import DataError
from ostraka.trees.export import Choice, ExportOptions, LeftOut
from ostraka.trees.files import (
    ExportFormat,
    Imported,
    ImportOptions,
    exported_lines,
    import_lines,
)
from ostraka.trees.states import State


class Which(StrEnum):
    """What becomes of messages of a kind."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


_ALL = "all"
_FORMATS = ", ".join(ExportFormat)


def export(
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="JSONL to write; .gz is packed, '-' is stdout.")
    ] = Path("-"),
    form: Annotated[
        ExportFormat, typer.Option("--format", help=f"One of {_FORMATS}.")
    ] = ExportFormat.OASST,
    state: Annotated[
        list[str] | None,
        typer.Option(help=f"Trees in this state; give it again for more, '{_ALL}' for every one."),
    ] = None,
    language: Annotated[str | None, typer.Option("--lang", help="Only of this language.")] = None,
    deleted: Annotated[Which, typer.Option(help="Deleted messages.")] = Which.EXCLUDE,
    spam: Annotated[Which, typer.Option(help="Messages that are not accepted.")] = Which.EXCLUDE,
    synthetic: Annotated[
        Which, typer.Option(help="Trees with machines' messages.")
    ] = Which.EXCLUDE,
    user: Annotated[str | None, typer.Option(help="Only messages of this contributor.")] = None,
    prompts_only: Annotated[bool, typer.Option("--prompts-only", help="Only prompts.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="With the means of labels.")] = False,
    events: Annotated[
        bool, typer.Option("--events", help="With single reviews, rankings and marks.")
    ] = False,
    best_only: Annotated[
        bool, typer.Option("--best-only", help="SFT: only through replies of rank 0.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many trees, or single messages, at most.")
    ] = None,
    anonymiser_seed: Annotated[
        str | None, typer.Option(help="Replace every id, the same way for the same seed.")
    ] = None,
) -> None:
    """Write trees as OASST, SFT, DPO, KTO or reward data.

    Without options: finished trees of accepted human messages. Where single messages are chosen
    (--user, or 'only' for a kind), they are written one by one. What was left out is said at the
    end, by reason.

    For example:

      ostraka trees export trees.jsonl.gz --labels --events
      ostraka trees export pairs.jsonl --format dpo --lang en
    """
    options = ExportOptions(
        deleted=_choice(deleted),
        spam=_choice(spam),
        synthetic=_choice(synthetic),
        user=user,
        states=_states(state),
        language=language,
        prompts_only=prompts_only,
        labels=labels,
        events=events,
        limit=limit,
        anonymiser_seed=anonymiser_seed,
    )
    left_out, written = LeftOut(), 0
    with opened() as store, _writing(output) as file:
        for line in exported_lines(store, form, options, left_out, best_only=best_only):
            file.write(f"{line}\n")
            written += 1
    console = notices()
    console.print(f"{written:,} lines written.")
    for what, counter in (("trees", left_out.trees), ("messages", left_out.messages)):
        for why, number in (+counter).most_common():  # without those that came to nothing
            console.print(f"{number:>8,} {what} left out: {why}", markup=False)


def import_trees(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL, may be .gz; '-' is stdin.")],
    origin: Annotated[str | None, typer.Option(help="Where they come from, in a word.")] = None,
    human: Annotated[
        bool, typer.Option("--human", help="Messages that do not say it are people's.")
    ] = False,
    model_name: Annotated[str | None, typer.Option(help="The machine that wrote them.")] = None,
    language: Annotated[str, typer.Option("--lang", help="Of messages that do not say it.")] = "en",
    keep_states: Annotated[
        bool, typer.Option("--keep-states", help="Leave trees in the states that the file names.")
    ] = False,
    activate: Annotated[
        int, typer.Option(min=0, help="So many of the trees go on to ranking at once.")
    ] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="So many trees at most.")] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Take in trees of an OASST file.

    Trees that are there already are left alone, so a broken-off import is simply done again. They
    are parked until they are activated, and every message is moderated in the background.

    For example:

      ostraka trees import 2023-04-12_oasst_ready.trees.jsonl.gz --human --keep-states
    """
    options = ImportOptions(
        origin=origin,
        synthetic=not human,
        model_name=model_name,
        language=language,
        keep_states=keep_states,
        activate=activate,
        limit=limit,
        preview=preview,
    )
    with opened() as store, _reading(file) as lines:
        done = import_lines(store, lines, options, ACTOR, moment())
    if as_json:
        say(
            {
                "trees": done.trees,
                "messages": done.messages,
                "activated": done.activated,
                "skipped": {why: number for why, number in done.skipped.items() if number},
                "done": not preview,
            }
        )
        return
    _print_imported(done, preview=preview)


def _print_imported(done: Imported, *, preview: bool) -> None:
    verb = "would come in" if preview else "came in"
    typer.echo(f"{done.trees:,} trees with {done.messages:,} messages {verb}.")
    if done.activated:
        typer.echo(f"{done.activated:,} of them {'would be' if preview else 'are'} in ranking.")
    for why, number in done.skipped.items():
        if number:
            typer.echo(f"{number:>8,} left out: {why}")


def _choice(which: Which) -> Choice:
    choices: dict[Which, Choice] = {
        Which.EXCLUDE: "exclude",
        Which.INCLUDE: "include",
        Which.ONLY: "only",
    }
    return choices[which]


def _states(given: list[str] | None) -> frozenset[State] | None:
    if not given:
        return frozenset({State.READY_FOR_EXPORT})
    if _ALL in given:
        return None
    try:
        return frozenset(State(each) for each in given)
    except ValueError as error:
        valid = ", ".join((*State, _ALL))
        raise typer.BadParameter(f"{error}; one of {valid}", param_hint="--state") from error


@contextmanager
def _writing(output: Path) -> Iterator[TextIO]:
    """A file that is there whole or not at all."""
    if str(output) == "-":
        yield sys.stdout
        return
    partial = output.with_name(f"{output.name}.partial")
    try:
        if output.suffix == ".gz":
            with gzip.open(partial, "wt", encoding="utf-8") as packed:
                yield packed
        else:
            with partial.open("w", encoding="utf-8") as file:
                yield file
        os.replace(partial, output)
    except OSError as error:
        raise DataError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _reading(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        if file.suffix == ".gz":
            with gzip.open(file, "rt", encoding="utf-8") as packed:
                yield packed
        else:
            with file.open(encoding="utf-8") as plain:
                yield plain
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
