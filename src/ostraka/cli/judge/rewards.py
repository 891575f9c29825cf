"""`ostraka judge rewards`: logged conversations in, rewards out."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ostraka.bulk.checkpoint import Checkpoint, Counts
from ostraka.cli.console import ExitCode, notices
from ostraka.cli.judge import options as shared
from ostraka.cli.judge.conversations import ConversationFile
from ostraka.cli.judge.reward_file import RewardFile
from ostraka.cli.judge.row_progress import RowProgress
from ostraka.errors import InvalidInputError, JudgeUnavailableError
from ostraka.judge.batch import BatchSummary
from ostraka.judge.client import AnswerCache, JudgeClient
from ostraka.judge.labels import LabelDocument
from ostraka.judge.reward_rows import totals_of
from ostraka.judge.rewards import Outcome, RewardJudge, RewardOptions, RewardResult
from ostraka.judge.setup import client_of, labels_of
from ostraka.judge.turns import Turn
from ostraka.settings import load_settings


@dataclass(frozen=True, slots=True)
class _Job:
    """One run, as it was asked for."""

    conversations: ConversationFile
    output: Path
    document: LabelDocument
    options: RewardOptions
    with_history: bool
    restart: bool
    seconds: float | None


def rewards(
    conversations: shared.Conversations,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="JSONL of rewards to write.")],
    base_url: shared.BaseUrl = None,
    model: shared.JudgeModel = None,
    form: shared.Form = None,
    labels: shared.Labels = None,
    threshold: shared.Threshold = None,
    label_order: shared.Order = shared.LabelOrder.GIVEN,
    seed: shared.Seed = None,
    temperature: shared.Temperature = 0.0,
    max_tokens: shared.MaxTokens = 256,
    extra: shared.Extra = None,
    max_in_flight: shared.MaxInFlight = None,
    seconds: shared.Seconds = None,
    cache: shared.Cache = None,
    history: shared.History = False,
    strict: shared.Strict = False,
    restart: shared.Restart = False,
    as_json: shared.AsJson = False,
) -> None:
    """Turn logged conversations into rewards.

    Every turn (question, answer, follow-up) gets one of seven labels, and what it is worth. Rows
    are written as the judge answers; their number `turn` is the order of the input. The same
    command goes on where it was interrupted.

    For example:

      ostraka judge rewards chats.jsonl rewards.jsonl --base-url http://localhost:8005/v1
      ostraka judge rewards trees.jsonl.gz out.jsonl --labels mine.toml --model qwen3-8b

    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some turns have no opinion or some rows
    hold no conversation; 130 interrupted.
    """
    settings = load_settings(
        judge_url=base_url,
        judge_model=model,
        judge_max_in_flight=max_in_flight,
        judge_extra=_object(extra) if extra else None,
    )
    document = LabelDocument.load(labels) if labels else labels_of(settings)
    if label_order is shared.LabelOrder.REVERSED:
        document = document.reversed()
    options = RewardOptions(threshold, max_tokens, temperature, seed, settings.judge_extra)
    started = time.monotonic()
    with ConversationFile(conversations, form, strict=strict) as file:
        client = client_of(settings, cache=AnswerCache(cache) if cache else None)
        job = _Job(file, output, document, options, history, restart, seconds)
        written, batch = asyncio.run(_run(job, client))
        if client.cache is not None:
            client.cache.close()
        _report(written, batch, file, seconds=time.monotonic() - started, as_json=as_json)
        complete = not written.summary.failures and not file.problems.rows
    raise typer.Exit(ExitCode.OK if complete else ExitCode.NOT_JUDGED)


def _object(given: str) -> dict[str, Any]:
    try:
        value = json.loads(given)
    except ValueError as error:
        raise InvalidInputError(f"is no JSON: {error}", field="--extra") from error
    if not isinstance(value, dict):
        raise InvalidInputError("is no JSON object", field="--extra")
    return value


async def _run(job: _Job, client: JudgeClient) -> tuple[RewardFile, BatchSummary]:
    async with client:
        judge = RewardJudge(client, job.document, job.options)
        file = RewardFile(job.output, await _checkpoint(job, judge), with_history=job.with_history)
        with file.open(restart=job.restart), _bar(job, file) as bar:

            def receive(number: int, turn: Turn, result: RewardResult) -> None:
                file.write(number, turn, result)
                bar.show(file.summary.turns, file.summary.failures)

            numbered = enumerate(job.conversations.turns(), 1)
            left = ((number, turn) for number, turn in numbered if number not in file)
            summary = await judge.judge_each(left, receive, seconds=job.seconds)
            batch = summary.batch
            if batch.stopped:
                raise JudgeUnavailableError(
                    f"stopped after {file.summary.turns:,} turns: {batch.reason}; "
                    "the same command goes on from there"
                )
    return file, batch


async def _checkpoint(job: _Job, judge: RewardJudge) -> Checkpoint:
    """What must not change between a run and the one that goes on with it."""
    asked = asdict(job.options) | {"threshold": judge.threshold, "extra": dict(job.options.extra)}
    asked |= {"labels": job.document.digest, "history": job.with_history}
    model = await judge.client.model()
    return Checkpoint(job.conversations.identity, model, asked, Counts(), {})


def _bar(job: _Job, file: RewardFile) -> RowProgress:
    return RowProgress(
        job.conversations.name,
        job.conversations.position,
        "turns",
        "without an opinion",
        file.resumed,
    )


def _report(
    file: RewardFile,
    batch: BatchSummary,
    conversations: ConversationFile,
    *,
    seconds: float,
    as_json: bool,
) -> None:
    summary, problems = file.summary, conversations.problems
    if as_json:
        batched = msgspec.to_builtins(batch)  # `asdict` makes nonsense of its counters
        said = {**totals_of(summary), "resumed": file.resumed, "bad_rows": asdict(problems)}
        typer.echo(json.dumps(said | {"batch": batched, "seconds": round(seconds, 3)}))
        return
    console = notices()
    rate = f", {(summary.turns - file.resumed) / seconds:,.0f} turns/s" if seconds > 0.1 else ""
    before = f" ({file.resumed:,} by an earlier run)" if file.resumed else ""
    console.print(f"{summary.turns:,} turns{before}{rate}")
    for label, number in summary.labels.most_common():
        console.print(f"  {label:24} {number:>9,}")
    console.print(
        f"{summary.updates:,} should update, mean reward of all turns "
        f"{summary.total_reward / max(summary.turns, 1):+.3f}"
    )
    for outcome in Outcome:
        if outcome is not Outcome.JUDGED and summary.outcomes[outcome]:
            console.print(f"[yellow]{summary.outcomes[outcome]:,} {outcome}[/]")
    if problems.rows:
        console.print(f"[yellow]{problems.rows:,} rows hold no conversation[/]")
        for number, problem in problems.first:
            console.print(f"  row {number:,} {problem}", markup=False)
