"""`ostraka data check`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ostraka.cli.console import ExitCode, answers
from ostraka.cli.data_files import open_lines, progress
from ostraka.train.preparation.check import LONG_TEXT, Check, Checked, Kind
from ostraka.train.preparation.counts import FileCounts


def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="JSONL files that belong together, training first."),
    ],
    show: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Problems to list of each kind.")
    ] = 10,
    long_text: Annotated[
        int, typer.Option(min=1, metavar="CHARACTERS", help="Longer texts are reported.")
    ] = LONG_TEXT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 for any finding, not for errors only.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look for what would spoil a training job, and count the labels.

    Errors are rows that cannot be used, and texts of one file that another has too. Duplicates
    within a file, other labels for the same text and over-long texts are mentioned.

    For example:

      ostraka data check training_file.jsonl validation_file.jsonl test_file.jsonl

    Exit codes: 0 no errors; 1 errors; 2 wrong usage.
    """
    checking = Check(keep=show, long_text=long_text)
    with progress("Checking") as step:
        # What a training file holds is what the others are held against.
        for file in sorted(files, key=lambda each: "train" not in each.name):
            with open_lines(file, step(file.name)) as lines:
                checking.read(lines, str(file))
    checked = checking.finish()
    if as_json:
        typer.echo(json.dumps(checked.to_json()))
    else:
        _print(answers(), checked)
    found = checked.errors or (strict and checked.totals.total())
    raise typer.Exit(ExitCode.FAILURE if found else ExitCode.OK)


def _print(console: Console, checked: Checked) -> None:
    print_counts(console, checked.files)
    for files, count in checked.shared.items():
        console.print(f"{count:,} texts in both {escape(files)}")
    for kind in Kind:
        total = checked.totals[kind]
        if not total:
            continue
        shown = [each for each in checked.findings if each.kind is kind]
        style = "red" if shown and shown[0].is_error else "yellow"
        console.print(f"\n[bold {style}]{_HEADINGS[kind]}: {total:,}[/]")
        for each in shown:
            console.print(f"  {escape(str(each))}")
        if total > len(shown):
            console.print(f"  [dim]and {total - len(shown):,} more (--show)[/]")
    many = {0: "No errors", 1: "1 error"}.get(checked.errors, f"{checked.errors:,} errors")
    console.print(f"\n{many}.")


_HEADINGS = {
    Kind.BAD_ROW: "Rows that cannot be used",
    Kind.BAD_FILE: "Rows and labels that do not fit together",
    Kind.LEAK: "Texts of one file in another",
    Kind.CONFLICT: "The same text with other labels",
    Kind.DUPLICATE: "Texts that appear again in the same file",
    Kind.LONG: "Long texts",
}


def print_counts(console: Console, files: list[FileCounts]) -> None:
    """Labels by file, a table a target."""
    for target in dict.fromkeys(name for counts in files for name in counts.targets):
        table = Table(box=SIMPLE, padding=(0, 1, 0, 0), title=target, title_justify="left")
        table.add_column("label")
        for counts in files:
            table.add_column(Path(counts.name).name, justify="right")
        own = [counts.targets.get(target) for counts in files]
        labels = dict.fromkeys(
            label for each in own if each for label, _ in each.labels.most_common()
        )
        for label in labels:
            table.add_row(
                escape(label), *(f"{each.labels[label]:,}" if each else "–" for each in own)
            )
        table.add_section()
        table.add_row("no label", *(f"{each.not_flagged:,}" if each else "–" for each in own))
        if any(each.unlabelled for each in own if each):
            table.add_row(
                "not labelled", *(f"{each.unlabelled:,}" if each else "–" for each in own)
            )
        table.add_row("rows", *(f"{counts.rows:,}" for counts in files))
        console.print(table)
