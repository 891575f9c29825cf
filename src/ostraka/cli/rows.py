"""Rows on the screen or as JSON lines, and what `moderate` reads them from."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ostraka.bulk.checkpoint import Counts
from ostraka.bulk.formats import Format, Layout, layout_of
from ostraka.bulk.judging import Judged, RowJudge
from ostraka.bulk.reading import TextSource
from ostraka.bulk.rows import text_column
from ostraka.bulk.run import Input, count
from ostraka.bulk.writing import json_line
from ostraka.cli.console import ExitCode, answers, notices
from ostraka.cli.explaining import explained
from ostraka.cli.rendering import print_explanation, print_row, print_summary, print_verdict
from ostraka.errors import InvalidInputError


def open_input(file: Path | None, told: Format | None, *, use_stdin: bool) -> Input:
    """The file to judge, or standard input where it is asked for or piped."""
    if file is not None and str(file) != "-":
        if use_stdin:
            raise InvalidInputError("'-' (standard input) and --file do not go together")
        return Input.of_file(file, layout_of(file, told, option="--input-format"))
    if file is None and not use_stdin and sys.stdin.isatty():
        raise InvalidInputError(
            'nothing to judge. Give a text ("…"), --file FILE, or pipe lines in '
            "('-' reads what you type)"
        )
    if told is Format.PARQUET:
        raise InvalidInputError("Parquet cannot be read from a pipe; use --file")
    layout = Layout(told or Format.LINES)
    source = TextSource(sys.stdin.buffer, layout, name="standard input", size=None)
    return Input(source, "standard input")


def exit_code_of(counts: Counts, *, on_flagged: bool) -> int:
    """What the exit status says of a finished run."""
    if on_flagged and counts.flagged:
        return ExitCode.FAILURE
    return ExitCode.NOT_JUDGED if counts.errors else ExitCode.OK


def print_counts(counts: Counts, *, seconds: float, resumed: int, as_json: bool) -> None:
    """The summary: for people on stderr, for machines on stdout."""
    if as_json:
        sys.stdout.write(json.dumps({**asdict(counts), "resumed": resumed}) + "\n")
    else:
        print_summary(notices(), counts, seconds=seconds, resumed=resumed)


class RowPrinter:
    """Judges rows and prints each as soon as its batch is judged."""

    def __init__(
        self, judge: RowJudge, *, as_json: bool, only_flagged: bool, explain: bool
    ) -> None:
        self._judge = judge
        self._as_json = as_json
        self._only_flagged = only_flagged
        self._explain = explain
        self._console = answers()

    def texts(self, texts: list[str], *, strict: bool) -> Counts:
        """Judge and print texts at full length."""
        counts = Counts()
        judged = self._judge.texts(texts)
        count(counts, judged, strict=strict, name="arguments")
        for each in self._kept(judged):
            if self._as_json:
                self._print_json(each)
            else:
                print_verdict(self._console, each, self._judge.thresholds, self._judge.categories)
                self._print_explanations(each)
        return counts

    def rows(self, rows: Input, column: str | None, *, strict: bool, batch_rows: int) -> Counts:
        """Judge and print rows, one line each."""
        counts = Counts()
        if not rows.source.columns:  # nothing was piped in
            return counts
        chosen = text_column(rows.source.columns, column, path=rows.name)
        try:
            for batch in rows.source.batches(batch_rows):
                judged = self._judge.batch(batch, chosen)
                for each in self._kept(judged):
                    if self._as_json:
                        self._print_json(each)
                    else:
                        print_row(self._console, each)
                        self._print_explanations(each)
                sys.stdout.flush()
                count(counts, judged, strict=strict, name=rows.name)
        finally:
            rows.source.close()
        return counts

    def _kept(self, judged: Iterable[Judged]) -> Iterable[Judged]:
        return (
            each
            for each in judged
            if not self._only_flagged or each.flagged or each.problem is not None
        )

    def _print_explanations(self, judged: Judged) -> None:
        if not self._explain or judged.text is None or judged.verdict is None:
            return
        for category in judged.categories:
            words = explained(self._judge.moderator, self._judge.model, judged.text, category)
            threshold = self._judge.moderator.threshold(category)
            print_explanation(self._console, judged.text, category, words, threshold)
        if not judged.categories:
            self._console.print("[dim]Nothing is flagged, so there is nothing to explain.[/]\n")

    def _print_json(self, judged: Judged) -> None:
        row: dict[str, Any] = {"row": judged.number, "text": judged.text}
        if judged.verdict is None:
            row |= {"flagged": None, "error": judged.problem}
        else:
            verdict, chosen = judged.verdict, self._judge.categories
            row |= {
                "flagged": judged.flagged,
                "categories": [str(category) for category in judged.categories],
                "scores": {str(c): round(verdict.scores[c], 6) for c in chosen},
                "flags": {str(c): verdict.flags[c] for c in chosen},
                "stage": verdict.stage,
                "sure": verdict.sure,
                "model": verdict.model,
            }
            if verdict.reason:
                sources = {str(c): asdict(each) for c, each in verdict.sources.items()}
                row |= {"reason": verdict.reason, "sources": sources}
            if self._explain:
                row["explanation"] = self._explanation(judged)
        sys.stdout.write(json_line(row))

    def _explanation(self, judged: Judged) -> dict[str, list[dict[str, Any]]]:
        moderator, model, text = self._judge.moderator, self._judge.model, judged.text or ""
        return {
            str(category): [asdict(word) for word in explained(moderator, model, text, category)]
            for category in judged.categories
        }
