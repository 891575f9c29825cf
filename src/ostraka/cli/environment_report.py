"""Reports of agents: a table on the screen, and a folder with figures, a page and pictures."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from ostraka.environment.comparing import REPORT_FILE
from ostraka.environment.generator import VERSION
from ostraka.environment.report import Report
from ostraka.environment.report_pages import figure, figures_of, page_of
from ostraka.errors import MissingExtraError
from ostraka.train.preparation.files import written_together

PAGE_FILE = "report.md"


def table_of(reports: Mapping[str, Report]) -> Table:
    """The figures, a column for each task."""
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for name in reports:
        table.add_column(name, justify="right")
    columns = [figures_of(report) for report in reports.values()]
    for name in columns[0]:
        table.add_row(name, *(figure(column[name]) for column in columns))
    return table


def as_json(agent: str, split: str, seeds: range, reports: Mapping[str, Report]) -> str:
    """The figures for machines; `ostraka env compare` reads them."""
    written = {
        "agent": agent,
        "split": split,
        "seed": seeds.start,
        "seeds": len(seeds),
        "version": VERSION,
        "tasks": {name: report.as_dict() for name, report in reports.items()},
    }
    return json.dumps(written, indent=2) + "\n"


def write_folder(
    folder: Path, agent: str, split: str, seeds: range, reports: Mapping[str, Report]
) -> None:
    """Write `report.json`, `report.md` and the pictures, all of them or none.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: nothing can be written there.
    """
    try:
        from ostraka.environment.report_plots import draw, pictures_of
    except ImportError as error:
        raise MissingExtraError("environment", "A report with pictures") from error
    pictures = pictures_of(reports)
    about = (
        f"{len(seeds)} episodes of each task, seeds {seeds.start} to {seeds.stop - 1} of the split "
        f"`{split}`, generator {VERSION}."
    )
    shown = [name for name in pictures if name.endswith(".svg")]
    page = page_of(f"The agent {agent} in the queue", about, reports, shown)
    names = [REPORT_FILE, PAGE_FILE, *pictures]
    with written_together(folder, names, replace=True) as scratch:
        (scratch / REPORT_FILE).write_text(as_json(agent, split, seeds, reports), "utf-8")
        (scratch / PAGE_FILE).write_text(page, "utf-8")
        draw(reports, scratch)
