"""Verdicts, explanations and summaries for people."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ostraka.bulk.checkpoint import Counts
from ostraka.bulk.judging import Judged
from ostraka.cli.explaining import Word
from ostraka.taxonomy import Category

_BAR: Final = 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_SHOWN_WORDS: Final = 5
_LEAST_WEIGHT: Final = 0.01


def print_verdict(
    console: Console,
    judged: Judged,
    thresholds: Mapping[Category, float],
    order: Sequence[Category],
) -> None:
    """One text with a bar for every category, the highest first."""
    if judged.verdict is None:
        console.print(Text.assemble((" not judged ", "black on yellow"), f"  {judged.problem}\n"))
        return
    console.print(
        Text.assemble(_badge(judged), "  ", _shortened(judged.text or "", console.width - 16))
    )
    console.print()
    scores = judged.verdict.scores
    table = Table(box=None, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("category", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("", no_wrap=True, width=_BAR)
    table.add_column("flagged from", justify="right")
    for category in sorted(order, key=lambda each: -scores[each]):
        style = "bold red" if category in judged.categories else ""
        table.add_row(
            Text(category, style),
            Text(f"{scores[category]:.3f}", style),
            Text(bar(scores[category]), "red" if style else "blue"),
            Text(f"{thresholds[category]:.2f}", "dim"),
        )
    console.print(table)
    doubt = "" if judged.verdict.sure else "; some scores lie within its doubt"
    console.print(f"\n[dim]Answered by the {judged.verdict.stage} stage{doubt}.[/]\n")
    if judged.verdict.reason:
        console.print(Text.assemble(("The LLM judge: ", "dim"), judged.verdict.reason, "\n"))


def print_row(console: Console, judged: Judged) -> None:
    """One row on one line: number, verdict, what is flagged, the beginning of the text."""
    line = Text(f"{judged.number:>7}  ")
    if judged.verdict is None:
        console.print(line.append("not judged", "yellow").append(f"  {judged.problem}"))
        return
    scores = judged.verdict.scores
    if judged.flagged:
        first, *others = sorted(judged.categories, key=lambda each: -scores[each])
        more = f" +{len(others)}" if others else ""
        line.append("flagged   ", "bold red").append(
            f"  {first} {scores[first]:.2f}{more}".ljust(32)
        )
    else:
        highest = max(scores.values(), default=0.0)
        line.append("not flagged", "green").append(f" highest {highest:.2f}".ljust(31), "dim")
    line.append("  ").append(_shortened(judged.text or "", max(console.width - len(line) - 3, 20)))
    console.print(line, no_wrap=True)


def print_explanation(
    console: Console, text: str, category: Category, words: Sequence[Word], threshold: float
) -> None:
    """The text with the words that raised the score marked, and the strongest of them listed."""
    moved = [word for word in words if word.weight >= _LEAST_WEIGHT or word.alone >= threshold]
    shown = Text(text)
    for word in moved:
        red = 80 + round(120 * max(word.weight, word.alone))
        shown.stylize(Style(color="white", bgcolor=f"rgb({red},0,0)"), word.begin, word.end)
    console.print(Text.assemble((category, "bold"), ": ", shown))
    if not moved:
        console.print("  [dim]It is the whole: no word adds much, and none is enough alone.[/]\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  word", no_wrap=True)
    table.add_column("adds", justify="right")
    table.add_column("alone", justify="right")
    for word in sorted(moved, key=lambda each: -max(each.weight, each.alone))[:_SHOWN_WORDS]:
        short = _shortened(word.text, console.width - 24)
        table.add_row(Text(f"  {short}"), f"{word.weight:+.3f}", f"{word.alone:.3f}")
    console.print(table)
    console.print()


def print_summary(console: Console, counts: Counts, *, seconds: float, resumed: int = 0) -> None:
    """What a run saw: rows, flagged by category, rows without a verdict."""
    new = counts.rows - resumed
    rate = f", {new / seconds:,.0f} rows/s" if seconds >= 0.1 and new else ""
    before = f" ({resumed:,} by an earlier run)" if resumed else ""
    console.print(f"{counts.rows:,} rows{before}{rate}")
    console.print(f"{counts.flagged:,} flagged ({share(counts)})")
    for category, number in sorted(counts.by_category.items(), key=lambda pair: -pair[1]):
        console.print(f"  {category:24} {number:>9,}")
    if counts.errors:
        console.print(f"[yellow]{counts.errors:,} not judged[/]")
        for number, problem in counts.first_errors:
            console.print(Text(f"  row {number:,} {problem}"))
        if counts.errors > len(counts.first_errors):
            console.print("  …")


def share(counts: Counts) -> str:
    """The flagged share of the rows that have a verdict."""
    judged = counts.rows - counts.errors
    return f"{counts.flagged / judged:.2%}" if judged else "–"


def bar(score: float) -> str:
    """A bar of eighths of a character."""
    eighths = round(score * _BAR * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _badge(judged: Judged) -> Text:
    return (
        Text(" flagged ", "bold white on red")
        if judged.flagged
        else Text(" not flagged ", "black on green")
    )


def _shortened(text: str, width: int) -> str:
    line = " ".join(
        "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split()
    )
    return line if len(line) <= width else line[: max(width - 1, 1)] + "…"
