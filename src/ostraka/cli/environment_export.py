"""`ostraka env export`: episodes as rows for trainers."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ostraka.cli.console import notices
from ostraka.cli.environment_play import SplitOption, Tasks
from ostraka.environment.agents import AGENTS, agent_of
from ostraka.environment.exporting import RowKind, rows_of
from ostraka.environment.library import Split
from ostraka.environment.tasks import TASKS, task_of
from ostraka.errors import InvalidInputError
from ostraka.train.preparation.files import written_together


def export(
    kind: Annotated[RowKind, typer.Argument(help="What the rows are for.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    task: Tasks = None,
    seed: Annotated[int, typer.Option(min=0, help="The first episode.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many episodes of each task.")] = 100,
    split: SplitOption = Split.TRAIN,
    rejected: Annotated[
        str, typer.Option(help="The agent whose worse answers are rejected in dpo rows.")
    ] = "policy",
) -> None:
    """Write episodes as rows to train on: sft, dpo or grpo, in chat form.

    For example:

      ostraka env export dpo --task task_hard --seeds 500 --output dpo.jsonl

    Exit codes: 0 written; 1 the file cannot be written; 2 wrong usage.
    """
    if rejected not in AGENTS or rejected == "oracle":
        known = ", ".join(name for name in AGENTS if name != "oracle")
        raise InvalidInputError(f"'{rejected}' is none of {known}", field="--rejected")
    agent = agent_of(rejected)
    count = 0
    names = [task_of(each).id for each in task or TASKS]
    with (
        written_together(output.parent, [output.name], replace=True) as scratch,
        (scratch / output.name).open("w", encoding="utf-8") as file,
    ):
        for name in names:
            for row in rows_of(kind, name, range(seed, seed + seeds), split, lambda: agent):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
    notices().print(f"Wrote {count:,} rows to {output}", markup=False)
