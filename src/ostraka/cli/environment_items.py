"""`ostraka env items`: real items from labelled files and from the platform's own queue."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ostraka.cli.console import notices
from ostraka.cli.data_files import open_lines
from ostraka.environment.real import Leftover, items_of
from ostraka.errors import DataError, InvalidInputError
from ostraka.review.labelled import Tally, labelled_rows
from ostraka.review.measures import Period
from ostraka.settings import load_settings
from ostraka.storage.database import Database
from ostraka.train.examples import Example, parse_example, read_examples
from ostraka.train.preparation.files import written_together

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
Judged = tuple[Example, int, str]


def items(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, .jsonl.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="JSONL files of labelled rows."),
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="What people decided in the queue here, too.")
    ] = False,
    redact: Annotated[
        bool,
        typer.Option("--redact", help="Without addresses, links, @names and long numbers."),
    ] = False,
    votes: Annotated[
        int, typer.Option(min=1, max=1000, help="How many people stand behind a file's labels.")
    ] = 5,
) -> None:
    """Make a file of real items, to be mixed into episodes.

    A file's labels are violation types, categories or columns of civil_comments; the shares of
    its `soft_labels` are people's votes. What no community's policy names is left out, and so are
    real texts about the sexual abuse of children, always.

    For example:

      ostraka env items training_file.jsonl --redact --output items.jsonl
      ostraka env items --decisions --redact --output items.jsonl
      ostraka env run --agent cascade --items items.jsonl --seeds 100

    Exit codes: 0 written; 1 a file cannot be read, or no row of it is an item; 2 wrong usage.
    """
    if not files and not decisions:
        raise InvalidInputError("name files of labelled rows, or say --decisions", field="FILE")
    leftover, count = Leftover(), 0
    with (
        written_together(output.parent, [output.name], replace=True) as scratch,
        (scratch / output.name).open("wb") as written,
    ):
        for found in _sources(files or [], votes, leftover, decisions=decisions):
            for item in items_of(found, leftover, redact=redact):
                written.write(msgspec.json.encode(item) + b"\n")
                count += 1
        if not count:
            reasons = "; ".join(f"{number:,} {why}" for why, number in leftover.counts.items())
            raise DataError(f"nothing to write: left out were {reasons or 'none, there is no row'}")
    notices().print(f"Wrote {count:,} items to {output}", markup=False)
    for why, number in leftover.counts.most_common():
        notices().print(f"Left out: {number:,} {why}", markup=False)


def _sources(
    files: list[Path], votes: int, leftover: Leftover, *, decisions: bool
) -> Iterator[Iterator[Judged]]:
    for file in files:
        yield _of_file(file, votes, leftover)
    if decisions:
        yield _of_queue()


def _of_file(file: Path, votes: int, leftover: Leftover) -> Iterator[Judged]:
    with open_lines(file) as lines:
        for _, example in read_examples(lines, str(file)):
            if isinstance(example, Example):
                yield example, votes, ""
            else:
                leftover.counts["unreadable"] += 1


def _of_queue() -> Iterator[Judged]:
    """The items of the platform's own queue, with everybody who gave an opinion."""
    database = Database.at(load_settings().resolved_database_url)
    try:
        with database.reading() as session:
            ever = Period(_EVER, datetime.now(UTC))
            for made in labelled_rows(session, ever, Tally()):
                people, source = made.provenance["reviewers"], made.provenance["item_id"]
                yield parse_example(made.row), people, source
    finally:
        database.close()
