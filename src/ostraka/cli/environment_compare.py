"""`ostraka env compare`: reports of agents side by side."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ostraka.cli.console import answers
from ostraka.environment.comparing import Compared, Estimate, compare, read_run
from ostraka.environment.report_pages import figure


def compare_reports(
    reports: Annotated[
        list[Path],
        typer.Argument(metavar="REPORT", help="Folders or JSON files of 'ostraka env run'."),
    ],
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap draws.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Put reports of agents side by side, with paired bootstrap intervals.

    Only seeds that all of them played count. A difference to the first report is marked with *
    where its interval leaves out 0.

    For example:

      ostraka env run --agent policy --seeds 100 --output policy.json
      ostraka env run --agent cascade --seeds 100 --output cascade.json
      ostraka env compare policy.json cascade.json

    Exit codes: 0 compared; 1 a report cannot be read; 2 reports of other episodes.
    """
    found = compare([read_run(each) for each in reports], draws)
    if as_json:
        typer.echo(json.dumps({task: [asdict(e) for e in each] for task, each in found.items()}))
        return
    for task, compared in found.items():
        answers().print(_table(task, compared))


def _table(task: str, compared: list[Compared]) -> Table:
    title = f"{task}, {compared[0].episodes} episodes"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("")
    for number, each in enumerate(compared, start=1):
        table.add_column(f"{number} {each.agent}", justify="right")
    table.add_row("score", *(_interval(each.score) for each in compared))
    table.add_row("to the first", *(_difference(each) for each in compared))
    for name in compared[0].figures:
        table.add_row(name, *(figure(each.figures[name]) for each in compared))
    return table


def _interval(estimate: Estimate) -> str:
    return f"{estimate.mean:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _difference(compared: Compared) -> str:
    found = compared.difference
    if found is None:
        return "–"
    sign = " *" if compared.is_beyond_chance else ""
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f}){sign}"
