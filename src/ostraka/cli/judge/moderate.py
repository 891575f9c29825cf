"""`ostraka judge moderate`: texts in, what the judge says of each out."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from ostraka.bulk.checkpoint import Checkpoint, Counts, identity
from ostraka.bulk.judging import problem_of
from ostraka.bulk.rows import text_column as find_column
from ostraka.bulk.run import Input
from ostraka.cli import moderate_options as options
from ostraka.cli.console import ExitCode, notices
from ostraka.cli.judge import options as shared
from ostraka.cli.judge.row_progress import RowProgress
from ostraka.cli.judge.verdict_file import Seen, VerdictFile
from ostraka.cli.rows import open_input
from ostraka.errors import JudgeUnavailableError
from ostraka.judge.batch import BatchSummary
from ostraka.judge.cache import AnswerCache
from ostraka.judge.moderation import LlmJudge, Opinion
from ostraka.judge.presets import Preset
from ostraka.judge.setup import client_of, llm_judge, policy_of
from ostraka.settings import Settings, load_settings

_ROWS: Final = 1024


def moderate(
    texts: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="JSONL, CSV, TSV, Parquet or lines, also .gz and .zst; '-' reads standard input.",
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="JSONL to write; '-' is standard output.")
    ] = Path("-"),
    base_url: shared.BaseUrl = None,
    model: shared.JudgeModel = None,
    preset: Annotated[
        Preset | None, typer.Option(help="How it is asked. [dim]judge_preset[/]")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Policy file. [dim]judge_policy[/]")
    ] = None,
    text_column: options.TextColumn = None,
    input_format: options.InputFormat = None,
    cache: shared.Cache = None,
    max_in_flight: shared.MaxInFlight = None,
    seconds: shared.Seconds = None,
    restart: shared.Restart = False,
    as_json: shared.AsJson = False,
) -> None:
    """Judge texts by an LLM and a policy in words.

    Rows are written as the judge answers, `row` is their number in IN. A row has a probability for
    each category, or the reason why the judge is unsure. The same command goes on where it was
    interrupted, and asks for nothing twice.

    For example:

      ostraka judge moderate comments.jsonl judged.jsonl --base-url http://localhost:8005/v1
      ostraka judge moderate comments.parquet judged.jsonl --policy house-rules.toml
      zcat chat.log.gz | ostraka judge moderate -

    Exit codes: 0 done; 1 failed or stopped; 2 wrong usage; 3 done, but the judge is unsure of some
    rows or some hold no text; 130 interrupted.
    """
    settings = load_settings(
        judge_url=base_url,
        judge_model=model,
        judge_preset=None if preset is None else str(preset),
        judge_policy=policy,
        judge_max_in_flight=max_in_flight,
    )
    judge = judge_of(settings, cache)
    started = time.monotonic()
    rows = open_input(texts, input_format, use_stdin=False)
    with closing(rows.source):
        job = _Job(
            rows, output, find_column(rows.source.columns, text_column, path=rows.name), settings
        )
        seen, summary = asyncio.run(job.run(judge, restart=restart, seconds=seconds))
    if judge.client.cache is not None:
        judge.client.cache.close()
    spent = time.monotonic() - started
    if as_json:
        said = msgspec.to_builtins(seen) | {"batch": msgspec.to_builtins(summary)}
        said |= {"calibrated": judge.calibrated_categories, "seconds": round(spent, 3)}
        typer.echo(json.dumps(said), err=str(output) == "-")
    else:
        _print(seen, summary, judge, spent)
    complete = not seen.unsure and not seen.unreadable
    raise typer.Exit(ExitCode.OK if complete else ExitCode.NOT_JUDGED)


def judge_of(settings: Settings, cache: Path | None) -> LlmJudge:
    """The judge of the settings, about all of its policy's categories."""
    client = client_of(settings, cache=AnswerCache(cache) if cache else None)
    return llm_judge(settings, client, policy_of(settings))


class _Job:
    """One run."""

    def __init__(self, rows: Input, output: Path, column: str, settings: Settings) -> None:
        self._rows, self._output, self._column = rows, output, column
        self._settings = settings

    async def run(
        self, judge: LlmJudge, *, restart: bool, seconds: float | None
    ) -> tuple[Seen, BatchSummary]:
        """Judge all rows that no earlier run has."""
        async with judge.client as client:
            model = await client.model()
            file = self._file(judge, model)
            with file.open(restart=restart), self._bar(file) as bar:

                def receive(number: int, opinion: Opinion) -> None:
                    file.write(number, opinion, model)
                    bar.show(file.seen.rows, file.seen.unsure)

                summary = await judge.each(self._left(file), receive, seconds=seconds)
                if summary.stopped:
                    raise JudgeUnavailableError(self._stopped(file.seen, summary))
        return file.seen, summary

    def _file(self, judge: LlmJudge, model: str) -> VerdictFile:
        """What must not change between a run and the one that goes on with it is its checkpoint."""
        asked = {"prompts": judge.questions.version, "column": self._column}
        if judge.calibration is not None:
            asked["calibration"] = judge.calibration.digest
        read = identity(self._rows.path) if self._rows.path else {}
        checkpoint = Checkpoint(read, model, asked, Counts(), {})
        return VerdictFile(self._output, checkpoint, dict(self._settings.thresholds))

    def _bar(self, file: VerdictFile) -> RowProgress:
        return RowProgress(
            self._rows.name, self._rows.source.position, "rows", "unsure", file.resumed
        )

    def _left(self, file: VerdictFile) -> Iterator[tuple[int, str]]:
        for batch in self._rows.source.batches(_ROWS):
            for index, text in enumerate(batch.column(self._column)):
                number = batch.first + index
                if number in file:
                    continue
                longest = self._settings.max_text_characters
                problem = batch.problem(index) or problem_of(text, longest)
                if problem is None:
                    yield number, text
                else:
                    file.write_problem(number, problem)

    def _stopped(self, seen: Seen, summary: BatchSummary) -> str:
        if not self._rows.resumable or str(self._output) == "-":
            return f"stopped after {seen.judged:,} rows: {summary.reason}"
        return (
            f"stopped after {seen.judged:,} rows: {summary.reason}; the same command goes on "
            "from there"
        )


def _print(seen: Seen, summary: BatchSummary, judge: LlmJudge, seconds: float) -> None:
    console = notices()
    console.print(f"{seen.judged:,} rows in {seconds:,.1f} s")
    for name, count in seen.flagged.most_common():
        console.print(f"  {name:24} {count:>9,}")
    asked = f"{summary.answered:,} answers asked for, {summary.cached:,} from the cache"
    tokens = f"{summary.prompt_tokens:,} + {summary.completion_tokens:,} tokens"
    cost = f", cost {summary.cost:,.4f}" if summary.cost else ""
    console.print(f"{asked}; {tokens}{cost}; {summary.retries.total():,} retries")
    if seen.unsure:
        console.print(f"[yellow]the judge is unsure of {seen.unsure:,} rows[/]")
    if seen.unreadable:
        console.print(f"[yellow]{seen.unreadable:,} rows hold no text[/]")
    raw = [name for name in judge.categories if not judge.is_calibrated(name)]
    if raw:
        which = "all" if len(raw) == len(judge.categories) else ", ".join(raw)
        console.print(f"[dim]not calibrated, the judge's own probabilities: {which}[/]")
