"""`ostraka env run`: an agent plays, step by step or many seeds at once."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ostraka.cli.console import answers, notices
from ostraka.cli.environment_human import HumanAgent
from ostraka.cli.environment_report import as_json, table_of, write_folder
from ostraka.environment.agents import AGENTS, Agent, agent_of
from ostraka.environment.environment import Environment
from ostraka.environment.library import Split
from ostraka.environment.lines import end_line, final_score, start_line, step_line, summary_lines
from ostraka.environment.llm import LanguageModelAgent
from ostraka.environment.play import StepResult
from ostraka.environment.real import RealItems
from ostraka.environment.remote import RemotePlay
from ostraka.environment.report import Report, report_of_scores, report_on
from ostraka.environment.running import in_parallel, mean_score, play_episode
from ostraka.environment.tasks import TASKS, task_of
from ostraka.environment.zoo import constants
from ostraka.errors import InvalidInputError

LANGUAGE_MODEL: Final = "llm"
HUMAN: Final = "human"
_BASELINE: Final = ("task_easy", "task_medium", "task_hard")
_TASKS_HELP: Final = f"A task, or several: {', '.join(TASKS)}."
_WAITING: Final = 8
"""Episodes at once where an agent spends its time on waiting for a server."""

Tasks = Annotated[list[str] | None, typer.Option("--task", help=_TASKS_HELP)]
SplitOption = Annotated[Split, typer.Option(help="Which templates, policies and authors.")]
Maker = Callable[[], Agent]


def run(
    task: Tasks = None,
    seed: Annotated[int, typer.Option(min=0, help="The episode, or the first of several.")] = 42,
    agent: Annotated[
        str, typer.Option(help=f"One of {', '.join(AGENTS)}, {LANGUAGE_MODEL} and {HUMAN}.")
    ] = "cascade",
    split: SplitOption = Split.TRAIN,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many episodes of each task; figures from 2 up.")
    ] = 1,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Episodes at once. [dim]8 where a server is asked[/]"),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Mix in the real items of this file (ostraka env items).")
    ] = None,
    items_share: Annotated[
        float, typer.Option(help="The share of items that are real ones.")
    ] = 0.3,
    output: Annotated[
        Path | None, typer.Option(help="Write the figures as JSON to this file.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write figures, a page and pictures into this folder."),
    ] = None,
) -> None:
    """Let an agent play: step by step, or many seeds with their figures.

    For example:

      ostraka env run --task task_hard --seed 42 --agent policy
      ostraka env run --agent cascade --split test --seeds 100 --report cascade

    The agent `llm` asks the model MODEL_NAME at API_BASE_URL with the key HF_TOKEN; `human` asks
    you. With ENV_BASE_URL the environment of that server is played, which tells nothing but
    scores. Pictures need the extra `environment`.

    Exit codes: 0 played; 1 a server does not answer or a variable is missing; 2 wrong usage.
    """
    make, model = _maker(agent)
    address = os.environ.get("ENV_BASE_URL", "")
    if address and agent == "oracle":
        raise InvalidInputError("the oracle cannot look into a server; unset ENV_BASE_URL")
    if address and items:
        raise InvalidInputError("a server mixes in items of its own; unset ENV_BASE_URL")
    real = RealItems.read(items, items_share) if items else None
    tasks = [task_of(each).id for each in task or _BASELINE]
    if seeds == 1 and output is None and report is None:
        remote = RemotePlay(address) if address else None
        scores = {
            each: _print_play(make(), model, each, seed, split, remote, real) for each in tasks
        }
        for line in summary_lines(scores):
            typer.echo(line)
        return
    at_once = parallel or (_WAITING if address or agent == LANGUAGE_MODEL else 1)
    at_once = 1 if agent == HUMAN else at_once
    chosen = range(seed, seed + seeds)
    measure = Measure(make, chosen, split, at_once)
    reports = {each: measure.on(each, address, real) for each in tasks}
    if output:
        output.write_text(as_json(model, split.value, chosen, reports), "utf-8")
    if report:
        write_folder(report, model, split.value, chosen, reports)
        notices().print(f"Wrote {report}", markup=False)
    answers().print(table_of(reports))


def _maker(name: str) -> tuple[Maker, str]:
    """What makes agents of that name, each for one thread, and how its lines call it."""
    if name == LANGUAGE_MODEL:
        model = LanguageModelAgent.of(os.environ, time.sleep)
        return lambda: model, os.environ["MODEL_NAME"]
    if name == HUMAN:
        return HumanAgent, name
    if name not in AGENTS:
        known = ", ".join((*AGENTS, LANGUAGE_MODEL, HUMAN))
        raise InvalidInputError(f"'{name}' is no agent; there are {known}", field="--agent")
    if name == "cascade":
        cascade = agent_of(name)  # its classifier is loaded once, and holds no state of a play
        return lambda: cascade, name
    return lambda: agent_of(name), name


def _print_play(
    player: Agent,
    name: str,
    task_id: str,
    seed: int,
    split: str,
    remote: RemotePlay | None,
    real: RealItems | None,
) -> float:
    """Print a play as it goes; returns its final score."""
    typer.echo(start_line(task_id, name))
    steps, total = 0, 0.0

    def watch(post_id: str, action: dict[str, Any], result: StepResult) -> None:
        nonlocal steps, total
        steps, total = steps + 1, total + result.reward
        typer.echo(step_line(steps, post_id, action, result, total))

    if remote:
        score = remote.play(player, task_id, seed, split, watch)
    else:
        environment = Environment(real=real)
        score = play_episode(
            player, task_id, seed, split, environment=environment, watch=watch
        ).score
    typer.echo(end_line(task_id, steps, total, score, name))
    return final_score(score)


@dataclass(frozen=True, slots=True)
class Measure:
    """Which agent plays which episodes, so many at once."""

    make: Maker
    seeds: range
    split: str
    parallel: int

    def on(self, task_id: str, address: str, real: RealItems | None) -> Report:
        """The report on a task, played here or on the server at `address`."""
        with _progress(task_id, len(self.seeds)) as told:
            if address:
                return report_of_scores(self._on_server(task_id, address, told))
            plays = in_parallel(
                lambda seed: play_episode(
                    self.make(), task_id, seed, self.split, environment=Environment(real=real)
                ),
                self.seeds,
                self.parallel,
                told,
            )
        return report_on(plays, self._best_constant(task_id))

    def _on_server(self, task_id: str, address: str, told: Callable[[], None]) -> dict[int, float]:
        remote = RemotePlay(address)
        scores = in_parallel(
            lambda seed: remote.play(self.make(), task_id, seed, self.split, lambda *_: None),
            self.seeds,
            self.parallel,
            told,
        )
        return dict(zip(self.seeds, scores, strict=True))

    def _best_constant(self, task_id: str) -> float:
        answers = constants(TASKS[task_id]).values()
        few = self.seeds[:20]
        return max(mean_score(each, task_id, few, self.split) for each in answers)


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; what it gives is called after each episode."""
    console = notices()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("episodes"),
        TimeRemainingColumn(compact=True),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    task = bar.add_task(name, total=total)
    with bar:
        yield lambda: bar.advance(task)
