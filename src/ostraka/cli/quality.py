"""`ostraka quality …`: how far reviewers agree, and how often they are right."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ostraka.cli import golden
from ostraka.cli.comparison_rendering import share_words
from ostraka.cli.console import answers
from ostraka.errors import InvalidInputError
from ostraka.estimates.agreement import Estimate
from ostraka.review.agreement import quality_report
from ostraka.review.measures import Period
from ostraka.review.quality_figures import AgreementFigure, QualityReport
from ostraka.settings import load_settings
from ostraka.storage.database import Database

app = typer.Typer(
    help="See how far reviewers agree, and how often they are right.", no_args_is_help=True
)
app.add_typer(golden.app, name="golden")
_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.callback()
def _group() -> None:
    """See how far reviewers agree, and how often they are right."""


@app.command()
def report(
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAYS, help="First day, in UTC; 90 days back if none."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAYS, help="Up to this day, without it; now if none."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Agreement of reviewers, policies and models, accuracy on golden cases, confusion pairs.

    For example:

      ostraka quality report --from 2026-01-01
    """
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    start = since.replace(tzinfo=UTC) if since else end - timedelta(days=90)
    if start >= end:
        raise InvalidInputError("--from is not before --to")
    with (
        closing(Database.at(load_settings().resolved_database_url)) as database,
        database.reading() as session,
    ):
        found = quality_report(session, Period(start, end))
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        _print(answers(), found)


def _print(console: Console, found: QualityReport) -> None:
    console.print(
        f"{found.since[:10]} to {found.until[:10]}: {found.second_reviews:,} cases with several "
        f"opinions, {found.golden_cases:,} golden cases, {found.adjudications:,} disagreements "
        "settled by a lead."
    )
    for title, figures in (
        ("all", found.overall),
        ("policy", found.policies),
        ("reviewer", found.reviewers),
        ("model", found.models),
    ):
        _print_figures(console, title, figures)
    if found.accuracy:
        table = Table(_whole("reviewer"), "golden cases right", "action right", "upheld by a lead")
        for each in found.accuracy:
            shares = (each.golden, each.golden_action, each.upheld)
            table.add_row(escape(each.reviewer_id), *map(share_words, shares))
        console.print(table)
    if found.confusion:
        table = Table("taken for", "or for", "times", "not settled", "settled as")
        for pair in found.confusion:
            settled = ", ".join(f"{label} {times}" for label, times in pair.settled)
            table.add_row(pair.first, pair.second, str(pair.times), str(pair.open), settled or "–")
        console.print(table)


def _print_figures(console: Console, title: str, figures: Sequence[AgreementFigure]) -> None:
    if not any(figure.cases for figure in figures):
        return
    table = Table(_whole(title), "on", "cases", "same", "kappa", "alpha")
    for each in figures:
        subject = escape(each.subject[:40])
        alpha = _words(each.alpha) if each.alpha else "–"
        row = (subject, each.label, f"{each.cases:,}", share_words(each.same))
        table.add_row(*row, _words(each.kappa), alpha)
    console.print(table)


def _whole(title: str) -> Column:
    """A column of ids: cut off they would look the same, as they begin with their moment."""
    return Column(title, overflow="fold")


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
