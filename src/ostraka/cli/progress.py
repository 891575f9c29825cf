"""The progress bar of a run over a file: on stderr, and only on a terminal."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ostraka.bulk.checkpoint import Counts
from ostraka.bulk.run import FileRun, Report
from ostraka.cli.console import notices
from ostraka.cli.rendering import share


@contextmanager
def progress_bar(name: str, run: FileRun) -> Iterator[Report]:
    """A callable that shows how far `run` is; says so, too, when it goes on from before."""
    console = notices()
    columns = (
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TextColumn("{task.fields[rate]}/s"),
        TextColumn("{task.fields[share]} flagged"),
        TimeRemainingColumn(compact=True),
    )
    progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    task = progress.add_task("", total=None, rows="0", rate="–", share="–")
    started = 0.0
    stop = False

    def report(counts: Counts, position: tuple[int, int | None]) -> None:
        nonlocal started
        if stop:
            raise KeyboardInterrupt
        if not started:
            started = time.monotonic()
            if run.resumed:
                console.print(f"Going on with {escape(name)} after row {run.resumed:,}.")
        rate = (counts.rows - run.resumed) / max(time.monotonic() - started, 1e-6)
        progress.update(
            task,
            completed=position[0],
            total=position[1],
            rows=f"{counts.rows:,}",
            rate=f"{rate:,.0f}",
            share=share(counts),
        )

    def interrupt(number: int, frame: FrameType | None) -> None:
        """Stop after the batch at hand; at the second signal at once.

        An exception raised wherever the signal happens to arrive may be swallowed by a library.
        """
        nonlocal stop
        if stop:
            raise KeyboardInterrupt
        stop = True

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with progress:
            yield report
    except KeyboardInterrupt:
        if run.can_resume:
            console.print("The same command goes on where this one stopped.")
        raise
    finally:
        signal.signal(signal.SIGINT, before)
