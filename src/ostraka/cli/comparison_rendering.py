"""How backtests and shadow runs look in a terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ostraka.cli.policy_rendering import STYLES
from ostraka.estimates.shares import Share
from ostraka.policy.words import NAMES_OF_ACTIONS
from ostraka.review.comparison import (
    AgainstPeople,
    BacktestReport,
    Compared,
    Example,
    ShadowReport,
)
from ostraka.taxonomy import Action

_LONGEST: Final = 60


def print_backtest(console: Console, report: BacktestReport) -> None:
    """What a draft would have done."""
    console.print(
        f"[bold]{report.replayed:,}[/] of {report.items:,} items replayed in "
        f"{report.seconds:.1f} s: {report.policy[:19]} against {report.against[:19]}, which acts."
    )
    for left_out in report.not_replayed:
        console.print(f"  {left_out.items:,} not replayed: {escape(left_out.reason)}")
    for missing in report.unscored:
        console.print(f"  {missing.items:,} have no score for {escape(missing.category)}")
    if not report.replayed:
        console.print("Nothing can be said about this policy by these items.")
        return
    _print_compared(console, report.compared)
    cost = report.cost
    console.print(
        f"\nCases per day: {cost.cases_per_day_before:,.1f} before, "
        f"{cost.cases_per_day_after:,.1f} after. LLM judge: {cost.judge_calls_per_day:,.1f} calls "
        f"per day either way. Model calls for this backtest: {cost.model_calls}."
    )
    if report.idle_rules:
        console.print(f"Rules that decided nothing: {escape(', '.join(report.idle_rules))}")


def print_shadow(console: Console, report: ShadowReport) -> None:
    """What a shadow said."""
    state = "in shadow" if report.running else "was in shadow"
    console.print(
        f"The {report.kind} [bold]{escape(report.subject)}[/] {state} since "
        f"{(report.since or '–')[:16]}: {report.compared.items:,} items"
    )
    if report.ready:
        console.print(f"  Enough to go by: {report.minimum:,} are.")
    else:
        console.print(f"  {report.missing:,} of {report.minimum:,} items are missing.")
    if report.waiting:
        console.print(f"  Pieces of work that wait: {report.waiting:,}")
    if report.compared.items:
        _print_compared(console, report.compared)


def _print_compared(console: Console, compared: Compared) -> None:
    console.print(
        f"\nSame action: {share_words(compared.same)}. Newly caught: {compared.newly_caught:,}. "
        f"Newly freed: {compared.newly_freed:,}. Same action for another violation: "
        f"{compared.violations_changed:,}."
    )
    _print_matrix(console, compared)
    if compared.people_after.decided:
        _print_people(console, compared.people_before, compared.people_after)
    for title, examples in (
        ("Newly caught", compared.caught),
        ("Newly freed", compared.freed),
        ("Other changes", compared.changed),
        ("Other than people decided", compared.against_people),
    ):
        _print_examples(console, title, examples)


def _print_matrix(console: Console, compared: Compared) -> None:
    counts = {(cell.before, cell.after): cell.items for cell in compared.matrix}
    used = [str(each) for each in Action if any(str(each) in pair for pair in counts)]
    table = Table("before ↓  after →", *used)
    for before in used:
        row = [counts.get((before, after), 0) for after in used]
        table.add_row(before, *(f"{count:,}" if count else "·" for count in row))
    console.print(table)


def _print_people(console: Console, before: AgainstPeople, after: AgainstPeople) -> None:
    table = Table(f"beside people, {after.decided:,} items", "before", "after")
    for name, meaning in (
        ("same_action", "same action"),
        ("precision", "precision: of what it acts on, violations"),
        ("recall", "recall: of violations, what it acts on"),
        ("found", "found: acted on or shown to people"),
    ):
        table.add_row(meaning, *(share_words(getattr(each, name)) for each in (before, after)))
    console.print(table)


def _print_examples(console: Console, title: str, examples: Sequence[Example]) -> None:
    if not examples:
        return
    console.print(f"\n[bold]{title}[/]")
    for example in examples:
        after = Action(example.after)
        people = f"; people: {example.people}" if example.people else ""
        console.print(
            f"  {example.item_id}  {example.before} → "
            f"[{STYLES[after]}]{NAMES_OF_ACTIONS[after]}[/] ({escape(example.rule_after)}{people})"
        )
        if example.text:
            text = " ".join(example.text.split())
            short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
            console.print(f"    [dim]{escape(short)}[/]")


def share_words(share: Share) -> str:
    """A share with its interval."""
    if share.value is None or share.low is None or share.high is None:
        return "–"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}, {share.hits:,}/{share.of:,})"
