"""What all benchmarks share: rounds in turn, a table of medians, a JSON file."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Goal:
    """What to reach: `at_least` of a ratio, or `below` a value of our own."""

    at_least: float | None = None
    below: float | None = None

    def met(self, ours: float, ratio: float | None) -> bool | None:
        """Whether it is reached; None where there is no goal."""
        if self.at_least is not None and ratio is not None:
            return ratio >= self.at_least
        return None if self.below is None else ours < self.below

    def __str__(self) -> str:
        """As the table shows it."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g} ×"
        return "" if self.below is None else f"< {self.below:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: our values round by round, and the peer's in the same rounds."""

    name: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    goal: Goal = field(default_factory=Goal)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The median over rounds of ours divided by the peer's."""
        if not self.peer:
            return None
        return statistics.median(a / b for a, b in zip(self.ours, self.peer, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return self.goal.met(statistics.median(self.ours), self.ratio)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options of every benchmark; add more, then parse."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    return parser


def model_option(parser: argparse.ArgumentParser) -> None:
    """`--model FOLDER`, for benchmarks that need an encoder."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="encoder.onnx and tokenizer.json; default: those that ship with the package",
    )


def data_option(parser: argparse.ArgumentParser) -> None:
    """`--data FOLDER`, for benchmarks whose figures depend on the texts."""
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="judge the texts of FOLDER's dev.jsonl instead of made-up ones; may be repeated",
    )


def rate(call: Callable[[], int], seconds: float) -> float:
    """How many texts (or requests) a second `call` does; it returns how many it did."""
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        done += call()
    return done / elapsed


def in_turn(
    ours: Callable[[], int], peer: Callable[[], int], *, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Rates of both, one after the other in every round: a busy spell hits both."""
    first: list[float] = []
    second: list[float] = []
    for _ in range(rounds):
        first.append(rate(ours, seconds))
        second.append(rate(peer, seconds))
    return first, second


def show(title: str, figures: Sequence[Figure], file: Path | None) -> None:
    """Print the table, and write the JSON file if one is wanted."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for heading in ("ours", "floor or peer", "ratio", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("met")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        table.add_row(
            f"{figure.name} ({figure.unit})",
            _spread(figure.ours),
            _spread(figure.peer),
            ratio,
            str(figure.goal),
            met,
        )
    console = Console(width=118)
    console.print(table)
    for figure in figures:
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", highlight=False)
    if file is not None:
        lines = [asdict(each) | {"ratio": each.ratio, "met": each.met} for each in figures]
        file.write_text(json.dumps({"title": title, "figures": lines}, indent=1) + "\n", "utf-8")


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    if len(values) == 1:
        return _number(middle)
    return f"{_number(middle)} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
