"""`ostraka env check`: what the scores of agents rest on is checked."""

import json
from typing import Annotated, Any

import typer

from ostraka.cli.console import ExitCode, notices
from ostraka.cli.environment_play import SplitOption, Tasks
from ostraka.environment.checks import Finding, check_difficulty, check_splits, run_checks
from ostraka.environment.library import Split
from ostraka.environment.tasks import TASKS, task_of


def check(
    task: Tasks = None,
    seeds: Annotated[int, typer.Option(min=2, help="How many episodes of each task.")] = 200,
    split: SplitOption = Split.TRAIN,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check the environment: bars for agents that do not read, determinism, leaks, splits.

    For example:

      ostraka env check --task task_easy --seeds 50

    Exit codes: 0 it holds; 1 a check failed; 2 wrong usage.
    """
    findings: list[tuple[str, Finding]] = [("splits", each) for each in check_splits()]
    chosen = [task_of(name) for name in task or TASKS]
    for each in chosen:
        notices().print(f"Checking {each.id} over {seeds} seeds.")
        findings += [(each.id, found) for found in run_checks(each, range(seeds), split)]
    tiers = check_difficulty(chosen, range(seeds), split)
    findings += [("difficulty", each) for each in tiers]
    failed = [found for _, found in findings if not found.passed]
    if as_json:
        typer.echo(json.dumps([_as_dict(*each) for each in findings]))
    else:
        for where, found in findings:
            sign = "ok    " if found.passed else "FAILED"
            typer.echo(f"{sign} {where:<12} {found.check}: {found.found}")
    if failed:
        raise typer.Exit(ExitCode.FAILURE)


def _as_dict(where: str, found: Finding) -> dict[str, Any]:
    return {"of": where, "check": found.check, "passed": found.passed, "found": found.found}
