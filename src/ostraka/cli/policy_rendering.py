"""How policies, outcomes and differences look in a terminal."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ostraka.cli.console import answers, notices
from ostraka.errors import PolicyError
from ostraka.policy.compiled import Policy
from ostraka.policy.difference import Change
from ostraka.policy.outcome import Outcome
from ostraka.policy.path import Step
from ostraka.policy.testing import ExampleResult
from ostraka.policy.words import NAMES_OF_ACTIONS, rule_words, sentence, step_words

STYLES: Final = {
    "approve": "green",
    "warn": "yellow",
    "remove": "red",
    "ban_temporary": "red",
    "ban_permanent": "bold red",
    "escalate": "magenta",
    "ladder": "cyan",
}


def print_problems(policy: str, error: PolicyError) -> None:
    """Every fault, one a line, its place first."""
    console = notices()
    count = len(error.problems)
    faults = "one fault" if count == 1 else f"{count} faults"
    console.print(f"[bold red]Error:[/] {escape(policy)} has {faults}:")
    for problem in error.problems:
        place = f"{problem.place}: " if problem.place else ""
        console.print(f"  [bold]{escape(place)}[/]{escape(problem.message)}")


def print_results(results: Sequence[ExampleResult]) -> None:
    """A line for each example, more for those that do not hold, and the count."""
    console = answers()
    for result in results:
        name = escape(result.example.name)
        if result.passed:
            console.print(f"[green]holds[/]   {name}")
        elif result.skipped:
            console.print(f"[dim]skipped[/] {name}: {escape('; '.join(result.problems))}")
        else:
            console.print(f"[bold red]FAILS[/]   {name}: {escape('; '.join(result.problems))}")
            if result.outcome is not None:
                console.print(f"        {escape(result.outcome.why)}")
    passed = sum(result.passed for result in results)
    skipped = sum(result.skipped for result in results)
    failed = len(results) - passed - skipped
    skips = f", {skipped} skipped" if skipped else ""
    if not results:
        console.print("It has no examples: write some under [[examples]].", markup=False)
    else:
        console.print(f"\n{passed} hold, {failed} fail{skips}.")


def print_untested(names: Sequence[str]) -> None:
    """What no example reaches."""
    if names:
        notices().print(f"[dim]No example reaches {escape(', '.join(names))}.[/]")


def print_notes(notes: Sequence[str]) -> None:
    """Gaps of a policy that can be used."""
    for note in notes:
        notices().print(f"[dim]Note: {escape(note)}[/]")


def print_changes(changes: Sequence[Change]) -> None:
    """One sentence a line."""
    console = answers()
    for change in changes:
        console.print(change.sentence, markup=False)
    if not changes:
        console.print("They say the same.")


def print_policy(console: Console, policy: Policy) -> None:
    """Rules, ladder, categories and queues."""
    document = policy.document
    console.print(f"[bold]{escape(document.name)}[/]  [dim]{policy.digest}[/]")
    if document.description:
        console.print(escape(document.description))
    console.print("\n[bold]Rules[/], the first that matches decides")
    for number, rule in enumerate(document.rules, start=1):
        console.print(
            f" {number:2}. {_styled(rule.action)} {escape(rule.name)}: {escape(rule_words(rule))}"
        )
    console.print("     [green]approve[/] whatever is left, if it was scored")
    if document.ladder:
        console.print("\n[bold]Ladder[/], the first step that applies decides")
    for number, step in enumerate(document.ladder, start=1):
        days = f" ({step.ban_days:g} days)" if step.ban_days else ""
        console.print(f" {number:2}. {_styled(step.action)}{days} {step_words(step)}")
    console.print("\n[bold]Categories[/]")
    console.print(_categories(policy), soft_wrap=False)
    console.print("\n[bold]Queues[/], the first that takes a case has it")
    console.print(_queues(policy), soft_wrap=False)


def print_outcome(console: Console, outcome: Outcome) -> None:
    """What was decided, why, and each step of the path."""
    console.print(
        f"{_styled(outcome.action)}: {escape(sentence(NAMES_OF_ACTIONS[outcome.action]))}"
    )
    console.print(escape(outcome.why))
    facts: dict[str, Any] = {
        "violation": outcome.violation,
        "severity": outcome.severity,
        "strike weight": f"{outcome.strike_weight:g}" if outcome.strike_weight else "",
        "ban, days": f"{outcome.ban_days:g}" if outcome.ban_days else "",
        "queue": outcome.queue if outcome.needs_people else "",
    }
    console.print("; ".join(f"{name}: {value}" for name, value in facts.items() if value))
    console.print("\n[bold]Path[/]")
    for step in outcome.path:
        _print_step(console, step)


def _print_step(console: Console, step: Step) -> None:
    mark = "[bold]yes[/]" if step.matched else "[red]?[/]  " if step.error else "[dim]no[/] "
    console.print(f" {mark} {escape(step.rule)}")
    parts = [_fact(name, value, step) for name, value in step.facts.items() if value is not None]
    absent = [name.removeprefix("scores.") for name, value in step.facts.items() if value is None]
    parts += [f"not scored: {', '.join(absent)}"] if absent else []
    for line in (step.condition, ", ".join(parts), step.error, step.note):
        if line:
            console.print(f"       [dim]{escape(line)}[/]")


def _fact(name: str, value: Any, step: Step) -> str:
    mark = step.thresholds.get(name.removeprefix("scores."))
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f"{name.removeprefix('scores.')} {shown}" + ("" if mark is None else f" of {mark:g}")


def _styled(action: str) -> str:
    return f"[{STYLES[action]}]{action}[/]"


def _categories(policy: Policy) -> Table:
    table = _table("category", "doubtful", "violation", "severity", "as", "without a score")
    for name, category in policy.document.categories.items():
        doubtful = "" if category.doubtful is None else f"{category.doubtful:g}"
        table.add_row(
            Text(name),
            doubtful,
            f"{category.threshold:g}",
            category.severity.value,
            category.violation.value,
            "people look" if category.unscored == "people" else "ignored",
        )
    return table


def _queues(policy: Policy) -> Table:
    table = _table("queue", "takes", "deadline", "people", "second review", "golden")
    for queue in policy.document.queues:
        parts = [" or ".join(queue.violations)] if queue.violations else []
        parts += [f"{queue.severity} or graver"] if queue.severity else []
        parts += [queue.when] if queue.when else []
        table.add_row(
            Text(queue.name),
            Text(" and ".join(parts) or "the rest"),
            f"{queue.deadline_hours:g} h",
            str(max(queue.reviewers, policy.document.reviewers)),
            f"{queue.second_review:.0%}",
            f"{queue.golden:.0%}",
        )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 1), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("category", "queue"))
    return table
