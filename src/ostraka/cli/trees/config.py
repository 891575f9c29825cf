"""`ostraka trees config …`: the document that says how trees are grown."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ostraka.cli.console import ExitCode, notices
from ostraka.cli.trees.opened import Json, say
from ostraka.errors import DataError, TreeConfigurationError
from ostraka.settings import load_settings
from ostraka.trees.configuration import parse_configuration, read_configuration

app = typer.Typer(help="Check and show how trees are grown.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check and show how trees are grown."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The document, in TOML.")],
) -> None:
    """Check a configuration as a whole.

    Exit codes: 0 it can be used; 1 it cannot, with each fault on a line.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    try:
        parse_configuration(text)
    except TreeConfigurationError as error:
        for problem in error.problems:
            notices().print(f"[bold red]Error:[/] {escape(str(problem))}")
        raise typer.Exit(ExitCode.FAILURE) from error
    typer.echo(f"{file} can be used.")


@app.command()
def show(as_json: Json = False) -> None:
    """Show what holds here: the document of the settings, with every default.

    It is TOML, so it can be the beginning of one of your own.
    """
    values = read_configuration(load_settings().trees_configuration).model_dump(mode="json")
    if as_json:
        say(values)
        return
    weights = values.pop("task_weights")
    for name, value in values.items():
        typer.echo(f"{name} = {json.dumps(value)}")  # TOML writes such values as JSON does
    typer.echo("\n[task_weights]")
    for name, value in weights.items():
        typer.echo(f"{name} = {value}")
