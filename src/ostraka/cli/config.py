"""`ostraka config`: what is set, where it came from, and whether a file is right."""

import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ostraka.assess.artefact import MANIFEST
from ostraka.cli.console import answers, notices, print_error
from ostraka.cli.origins import (
    masked,
    read_file,
    shown_settings,
    suggestion,
    unknown_variables,
)
from ostraka.errors import InvalidInputError, SettingsError
from ostraka.settings import Settings, settings_file
from ostraka.trees.configuration import read_configuration

app = typer.Typer()


@app.callback(invoke_without_command=True)
def config(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="As with `serve --host`.")] = None,
    port: Annotated[int | None, typer.Option(help="As with `serve --port`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print a commented ostraka.toml to start from.")
    ] = False,
) -> None:
    """Show and check the settings.

    Options win over OSTRAKA_… variables, these over ostraka.toml (or the file that OSTRAKA_CONFIG
    names), and that over the defaults. Passwords are masked.

    For example:

      ostraka config
      ostraka config --example > ostraka.toml
      ostraka config check ostraka.toml
    """
    if context.invoked_subcommand is not None:
        return
    if example:
        typer.echo(example_file(), nl=False)
        return
    shown = shown_settings(host=host, port=port)
    if as_json:
        typer.echo(json.dumps({each.name: asdict(each) for each in shown}, ensure_ascii=False))
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("setting", "value", "from", "meaning"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
        for each in shown:
            style = "" if each.origin == "default" else "bold"
            table.add_row(
                Text(each.name, style),
                Text(_written(each.value), style),
                Text(each.origin, style or "dim"),
                Text(each.description.replace("`", "")),
            )
        console = answers()
        console.print(table, soft_wrap=False)
        there = "" if settings_file().is_file() else " (not there)"
        console.print(f"\n[dim]Settings file: {escape(str(settings_file()))}{there}[/]")
    for warning in unknown_variables():
        notices().print(f"[yellow]Warning:[/] {escape(warning)}")


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Settings file. [dim]the one that would be used[/]")
    ] = None,
) -> None:
    """Say whether a settings file is right, and all that is wrong with it.

    For example:

      ostraka config check
      ostraka config check deploy/ostraka.toml

    Exit codes: 0 right; 1 something is wrong; 2 there is no such file.
    """
    path = file or settings_file()
    if not path.is_file():
        raise InvalidInputError(f"there is no settings file '{path}'")
    values = read_file(path)
    problems = _problems(values)
    for problem in problems:
        print_error(f"{path}: {problem}")
    if problems:
        raise typer.Exit(1)
    number = f"{len(values)} setting{'' if len(values) == 1 else 's'}"
    answers().print(f"{escape(str(path))} is right: {number}.")


class _FileSettings(Settings):
    """The settings of a file alone, whatever the environment says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _problems(values: dict[str, Any]) -> list[str]:
    try:
        settings = _FileSettings(**values)
    except ValidationError as error:
        return [_problem(dict(each)) for each in error.errors()]
    except SettingsError as error:
        return [error.message]
    problems = []
    folder = settings.model_folder
    if folder is not None and not (folder / MANIFEST).is_file():
        problems.append(f"setting 'model_folder': {folder} holds no classifier (no {MANIFEST})")
    try:
        read_configuration(settings.trees_configuration)
    except SettingsError as error:
        problems.append(error.message)
    return problems


def _problem(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"'{where}' is no setting{suggestion(where, sorted(Settings.model_fields))}"
    given = json.dumps(masked(where, error["input"]), ensure_ascii=False, default=str)
    return f"setting '{where}': {error['msg']} (it is {given})"


def example_file() -> str:
    """A settings file with every setting commented out: valid as it is, and line by line."""
    lines = [
        "# Settings of Ostraka. Every line shows a default; take the # away to change one.",
        "# OSTRAKA_… variables and command-line options win over this file.",
        "# What is in force: ostraka config. Whether this file is right: ostraka config check.",
    ]
    tables = []
    for name, field in Settings.model_fields.items():
        comment = textwrap.wrap(
            field.description or "", 98, initial_indent="# ", subsequent_indent="# "
        )
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, dict):
            tables += ["", *comment, f"# [{name}]", *(f"# {each}" for each in field.examples or ())]
        else:
            example = "path/to/it" if default is None else default
            lines += ["", *comment, f"# {name} = {_toml(example)}"]
    return "\n".join([*lines, *tables]) + "\n"


def _toml(value: Any) -> str:
    """A plain value in TOML, whose strings, numbers, booleans and lists are JSON's."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value if isinstance(value, bool | int | float) else str(value))


def _written(value: Any) -> str:
    if value is None or value == "" or value == {}:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    return json.dumps(value) if isinstance(value, bool) else str(value)
