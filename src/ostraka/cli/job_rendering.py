"""Training jobs for people: a table of them, one in full, one as it runs."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ostraka.factory.states import Status

Job = Mapping[str, Any]
"""A job in the shape of the API (`factory.shapes`)."""

_STYLES: Final = {
    Status.SUCCESS: "bold green",
    Status.FAILED: "bold red",
    Status.FAILED_VALIDATION: "bold red",
    Status.CANCELLED: "yellow",
    Status.CANCELLATION_REQUESTED: "yellow",
    Status.RUNNING: "bold cyan",
}
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH: Final = 48
_SHOWN_EVENTS: Final = 5
_WIDEST: Final = 1000
"""Files and pipes have no width: names stay whole there."""


def print_jobs(console: Console, jobs: Sequence[Job], total: int, first: int) -> None:
    """A page of jobs, newest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("id", "status", "steps", "created", "model"):
        table.add_column(heading, no_wrap=heading in ("id", "status"), overflow="fold")
    for job in jobs:
        steps = job["hyperparameters"].get("training_steps")
        table.add_row(
            job["id"],
            styled_status(job["status"]),
            str(steps or "–"),
            moment(job["created_at"]),
            # Both begin with the base model's name; the trained one is what calls need, whole.
            job["fine_tuned_model"] or job["model"],
        )
    _widen(console)
    console.print(table, soft_wrap=False)
    if total > len(jobs):
        console.print(f"[dim]{first + 1} to {first + len(jobs)} of {total:,} jobs[/]")


def print_job(console: Console, job: Job) -> None:
    """One job: what was asked, how it stands, what came of it."""
    _widen(console)
    console.print(Text.assemble((job["id"], "bold"), "  ", styled_status(job["status"])))
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")  # a name that is cut off is no use
    for name, value in _facts(job):
        facts.add_row(name, value)
    console.print(facts, soft_wrap=False)
    for target in job["classifier_targets"]:
        kind = str(target["loss_function"]).replace("_", " ")
        console.print(f"\n{target['name']} ({kind}): {', '.join(target['labels'])}")
    if job["checkpoints"]:
        console.print()
        console.print(loss_curves(job["checkpoints"]))
    print_events(console, job["events"])


def print_events(console: Console, events: Sequence[Mapping[str, Any]]) -> None:
    """What happened, oldest first, a line each."""
    if events:
        console.print()
    for event in events:
        console.print(event_line(event))


def event_line(event: Mapping[str, Any]) -> Text:
    """`time  what happened  its details`."""
    status = event["data"].get("status")
    details = {name: value for name, value in event["data"].items() if name != "status"}
    line = Text.assemble((moment(event["created_at"]), "dim"), "  ")
    line.append_text(styled_status(status) if status else Text(event["name"]))
    if details:
        words = (f"{name} {_words(value)}" for name, value in details.items())
        line.append("  " + ", ".join(words))
    return line


def running_view(job: Job) -> RenderableType:
    """How a job stands: progress, losses, what happened last."""
    steps, done = _steps(job)
    head = Text.assemble((job["id"], "bold"), "  ", styled_status(job["status"]))
    parts: list[RenderableType] = [head]
    if steps:
        line = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(total=steps, completed=done, width=_CURVE_WIDTH)
        line.add_row(bar, f"step {done:,} of {steps:,}", _remaining(job, steps, done))
        parts.append(line)
    if job["checkpoints"]:
        parts.append(loss_curves(job["checkpoints"]))
    parts.extend(event_line(event) for event in job["events"][-_SHOWN_EVENTS:])
    return Group(*parts)


def loss_curves(checkpoints: Sequence[Mapping[str, Any]]) -> Table:
    """Training and validation loss over the steps as two small curves with their last value."""
    oldest_first = list(reversed(checkpoints))
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, key in (("training loss", "train_loss"), ("validation loss", "valid_loss")):
        values = [each["metrics"][key] for each in oldest_first]
        if key == "valid_loss":  # 0.0 stands where nothing was evaluated
            values = [value for value in values if value > 0.0]
        if values:
            table.add_row(Text(name, "dim"), curve(values), f"{values[-1]:.4g}")
    return table


def curve(values: Sequence[float]) -> str:
    """`values` as a line of blocks, averaged where there are more than fit."""
    width = min(len(values), _CURVE_WIDTH)
    edges = [index * len(values) // width for index in range(width + 1)]
    means = [sum(values[start:end]) / (end - start) for start, end in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_LEVELS[round((value - low) / span * (len(_LEVELS) - 1))] for value in means)


def plain_line(job: Job) -> str:
    """How a job stands on one line, for logs."""
    steps, done = _steps(job)
    words = [job["status"]]
    if steps:
        words.append(f"step {done}/{steps}")
    if job["status"] == Status.RUNNING and not done:
        words.append(job["events"][-1]["name"].replace("-", " "))
    if job["checkpoints"]:
        newest = job["checkpoints"][0]["metrics"]
        words.append(f"training loss {newest['train_loss']:.4g}")
    evaluated = [each["metrics"]["valid_loss"] for each in job["checkpoints"]]
    latest = next((value for value in evaluated if value > 0.0), None)
    if latest is not None:
        words.append(f"validation loss {latest:.4g}")
    return ", ".join(words)


def styled_status(status: str) -> Text:
    """A status in its colour; the word says the same without one."""
    return Text(status, _STYLES.get(Status(status), ""))


def moment(seconds: int) -> str:
    """UNIX seconds as local time."""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _widen(console: Console) -> None:
    if not console.is_terminal:
        console.width = _WIDEST


def _facts(job: Job) -> list[tuple[str, str]]:
    metadata = job["metadata"]
    facts = [
        ("created", moment(job["created_at"])),
        ("changed", moment(job["modified_at"])),
        ("base model", job["model"]),
        ("training files", ", ".join(job["training_files"])),
        ("validation files", ", ".join(job["validation_files"] or ()) or "none"),
        ("test files", ", ".join(job["test_files"] or ()) or "none"),
        ("hyperparameters", _words(job["hyperparameters"])),
        ("fine-tuned model", job["fine_tuned_model"] or "–"),
    ]
    if metadata.get("expected_duration_seconds") is not None:
        facts.append(("expected beforehand", f"{metadata['expected_duration_seconds']} s"))
    if job["trained_tokens"] is not None:
        facts.append(("trained tokens", f"{job['trained_tokens']:,}"))
    return facts


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_words(each) for each in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)


def _steps(job: Job) -> tuple[int, int]:
    steps = job["hyperparameters"].get("training_steps") or 0
    done = job["checkpoints"][0]["step_number"] if job["checkpoints"] else 0
    return steps, done


def _remaining(job: Job, steps: int, done: int) -> str:
    if job["status"] != Status.RUNNING or len(job["checkpoints"]) < 2:
        return ""
    newest, oldest = job["checkpoints"][0], job["checkpoints"][-1]
    seconds = newest["created_at"] - oldest["created_at"]
    made = newest["step_number"] - oldest["step_number"]
    return f"about {seconds * (steps - done) // made} s left" if made and seconds else ""
