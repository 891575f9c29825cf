"""`ostraka judge calibrate`: set an LLM judge's probabilities right by labelled texts."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from ostraka.cli.console import answers, notices
from ostraka.cli.judge import options as shared
from ostraka.cli.judge.row_progress import RowProgress
from ostraka.errors import DataError, SettingsError
from ostraka.factory.cascade import moderator_of
from ostraka.judge.calibration import save_calibration
from ostraka.judge.calibration_fitting import Outcome, fit_judge, read_labelled
from ostraka.judge.moderation import LlmJudge
from ostraka.moderator import JUDGE_MODEL
from ostraka.settings import Settings, load_settings


def calibrate(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED", help='JSONL rows {"text": …, "labels": {"hate": 1, "insult": 0}}.'
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Calibration to write or add to.")
    ] = Path("judge-calibration.json"),
    base_url: shared.BaseUrl = None,
    model: shared.JudgeModel = None,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            help=f"For the model '{JUDGE_MODEL}' and 'judge moderate', which ask about every "
            "category of the policy, instead of the cascade's last stage.",
        ),
    ] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Set an LLM judge's probabilities right by labelled texts.

    The judge is asked about every text; its answers are kept, so that an interrupted run asks for
    nothing twice. A label that a row leaves out is unknown, not 0. The outcome holds for this
    prompt, policy and model; name it in the setting 'judge_calibration'.

    For example:

      ostraka judge calibrate labelled.jsonl -o judge-calibration.json
      ostraka judge calibrate labelled.jsonl -o judge-calibration.json --alone
    """
    settings = load_settings(judge_url=base_url, judge_model=model)
    judge = _raw_judge(settings, alone=alone)
    if not settings.judge_model:
        raise SettingsError("setting 'judge_model': a calibration holds for one model; name it")
    outcome = asyncio.run(_fit(judge, labelled))
    if judge.client.cache is not None:
        judge.client.cache.close()
    if not outcome.calibration.fits:
        why = "; ".join(f"{name}: {reason}" for name, reason in outcome.left_out.items())
        raise DataError(f"no category could be calibrated, so nothing is written: {why}")
    save_calibration(output, outcome.calibration)
    if as_json:
        typer.echo(json.dumps(_as_json(outcome)))
    else:
        _print(outcome, output)


def _raw_judge(settings: Settings, *, alone: bool) -> LlmJudge:
    """The judge that is to be calibrated, as it is without."""
    if not settings.judge_url:
        raise SettingsError("setting 'judge_url': name the judge's server, or use --base-url")
    setup = moderator_of(settings.model_copy(update={"judge_calibration": None})).judge
    assert setup is not None
    if not alone and setup.last is None:
        raise SettingsError(
            "the judge is not in the cascade (setting 'judge_in_cascade'); use --alone"
        )
    return setup.alone.judge if alone or setup.last is None else setup.last.judge


async def _fit(judge: LlmJudge, labelled: Path) -> Outcome:
    async with judge.client:
        with RowProgress(str(labelled), lambda: (0, None), "rows", "unsure") as bar:
            return await fit_judge(judge, read_labelled(labelled), bar.show)


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        **msgspec.to_builtins(outcome.calibration),
        "digest": outcome.calibration.digest,
        "left_out": outcome.left_out,
        "rows": outcome.rows,
        "unsure": outcome.unsure,
        "batch": msgspec.to_builtins(outcome.batch),
    }


def _print(outcome: Outcome, output: Path) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("category")
    for heading in ("rows", "have it", "calibration error", "after"):
        table.add_column(heading, justify="right")
    for name, fit in outcome.calibration.fits.items():
        counts = (f"{fit.rows:,}", f"{fit.positives:,}")
        table.add_row(name, *counts, f"{fit.error_before:.3f}", f"{fit.error_after:.3f}")
    answers().print(table)
    console = notices()
    for name, why in outcome.left_out.items():
        console.print(f"[yellow]{name} stays as the judge says it: {why}[/]")
    if outcome.unsure:
        console.print(f"[yellow]the judge was unsure of {outcome.unsure:,} rows[/]")
    console.print(f"Wrote {output}. Use it: judge_calibration = {json.dumps(str(output))}")
