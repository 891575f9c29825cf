"""How far a judge's run is: a bar on stderr, and only on a terminal."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ostraka.cli.console import notices

Position = Callable[[], tuple[int, int | None]]
"""How much of the input was read, of how much."""


class RowProgress:
    """A context manager; `unit` are what is judged, `doubt` what some of them turn out to be."""

    def __init__(
        self, name: str, position: Position, unit: str, doubt: str, resumed: int = 0
    ) -> None:
        console = notices()
        self._position, self._resumed, self._started = position, resumed, time.monotonic()
        self._bar = Progress(
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn(f"{{task.fields[rows]}} {unit}"),
            TextColumn("{task.fields[rate]}/s"),
            TextColumn(f"{{task.fields[doubtful]}} {doubt}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rows="0", rate="–", doubtful="0")
        if resumed:
            console.print(f"Going on with {escape(name)} after {resumed:,} {unit}.")

    def show(self, rows: int, doubtful: int) -> None:
        """So many are done, rows of an earlier run included."""
        read, size = self._position()
        rate = (rows - self._resumed) / max(time.monotonic() - self._started, 1e-6)
        self._bar.update(
            self._task,
            completed=read,
            total=size,
            rows=f"{rows:,}",
            rate=f"{rate:,.0f}",
            doubtful=f"{doubtful:,}",
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
