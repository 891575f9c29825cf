"""`ostraka data …`: prepare, check and look at files of labelled rows."""

from typing import Final

import typer

from ostraka.cli.lazy import LazyCommand, lazy_group

_COMMANDS: Final = "ostraka.cli.data"
_LAZY: Final = {
    "prepare": LazyCommand(
        f"{_COMMANDS}_prepare",
        "prepare",
        "Make the files of a training job from a public data set.",
    ),
    "check": LazyCommand(
        f"{_COMMANDS}_check",
        "check",
        "Look for what would spoil a training job, and count the labels.",
    ),
    "split": LazyCommand(
        f"{_COMMANDS}_split", "split", "Divide a file into train, validation and test."
    ),
    "convert": LazyCommand(
        f"{_COMMANDS}_convert",
        "convert",
        "Turn tables, fastText files and data sets into JSONL for training, and back.",
    ),
    "plot": LazyCommand(
        f"{_COMMANDS}_plot",
        "plot",
        "Draw what files of rows hold: three panels each, as a picture and as a page.",
    ),
    "from-decisions": LazyCommand(
        f"{_COMMANDS}_from_decisions",
        "from_decisions",
        "Make training data of what people decided, for `ostraka jobs create`.",
    ),
}

app = typer.Typer(cls=lazy_group(_LAZY), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Prepare, check and look at files of labelled rows."""
