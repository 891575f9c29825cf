"""The options of `ostraka moderate`, as typer reads them from a signature."""

from pathlib import Path
from typing import Annotated

import typer

from ostraka.bulk.formats import Format
from ostraka.cli.completion import complete_category, complete_model, complete_threshold

_READ, _JUDGE, _WRITE = "Reading", "Judging", "Writing"

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Texts to judge; '-' reads standard input."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="File of rows to judge.", rich_help_panel=_READ
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column that holds the text. [dim]guessed[/]",
        rich_help_panel=_READ,
    ),
]
InputFormat = Annotated[
    Format | None,
    typer.Option(
        metavar="FORMAT",
        help="jsonl, csv, tsv, parquet or lines. [dim]by suffix; standard input: lines[/]",
        rich_help_panel=_READ,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Model, plain or pinned by digest.",
        autocompletion=complete_model,
        rich_help_panel=_JUDGE,
    ),
]
Category = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CATEGORY",
        help="Look at this category only; repeat for more.",
        autocompletion=complete_category,
        rich_help_panel=_JUDGE,
    ),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CATEGORY=VALUE",
        help="Flag from this score on; repeat for more.",
        autocompletion=complete_threshold,
        rich_help_panel=_JUDGE,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Stop at the first row without a verdict.", rich_help_panel=_JUDGE
    ),
]
BatchRows = Annotated[
    int,
    typer.Option(
        min=1, max=100_000, metavar="NUMBER", help="Rows a batch.", rich_help_panel=_JUDGE
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="File to write.", rich_help_panel=_WRITE),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Format of --output. [dim]by suffix[/]",
        rich_help_panel=_WRITE,
    ),
]
Prefix = Annotated[
    str, typer.Option(metavar="TEXT", help="How added columns begin.", rich_help_panel=_WRITE)
]
OnlyFlagged = Annotated[
    bool,
    typer.Option(
        "--only-flagged",
        help="Leave out rows that are judged and not flagged.",
        rich_help_panel=_WRITE,
    ),
]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart",
        help="Replace --output, and forget an interrupted run.",
        rich_help_panel=_WRITE,
    ),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Show the words that moved each flagged category.")
]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit with 1 when anything is flagged.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a row, on one line.")]
