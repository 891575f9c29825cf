"""What the judge said of rows, written as it comes, and what an earlier run wrote of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ostraka.bulk.checkpoint import Checkpoint
from ostraka.cli.judge.partial_file import PartialFile
from ostraka.judge.meter import fault_of
from ostraka.judge.moderation import Opinion
from ostraka.moderator import EVEN

_ASK_AGAIN: Final = frozenset({"busy", "timeout", "unavailable", "refused"})


class _Kept(msgspec.Struct):
    """What has to be known of a row that an earlier run wrote."""

    row: int
    problem: str | None = None
    fault: str | None = None
    unsure: dict[str, str] = {}
    categories: list[str] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


@dataclass(slots=True)
class Seen:
    """What a run has come to, an earlier one's rows included."""

    judged: int = 0
    unsure: int = 0
    unreadable: int = 0
    flagged: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """All rows that are done."""
        return self.judged + self.unreadable


class VerdictFile(PartialFile):
    """The verdicts of one run, and of an earlier one that was interrupted."""

    def __init__(
        self, output: Path, checkpoint: Checkpoint, thresholds: Mapping[str, float]
    ) -> None:
        super().__init__(output, checkpoint)
        self._thresholds = thresholds
        self.seen = Seen()

    def write(self, number: int, opinion: Opinion, model: str) -> None:
        """Add what the judge said of a row."""
        self.write_line(number, _encode(self._row(number, opinion, model)))

    def write_problem(self, number: int, problem: str) -> None:
        """Add a row that holds no text."""
        self.seen.unreadable += 1
        self.write_line(number, _encode({"row": number, "problem": problem}))

    def earlier(self, line: bytes) -> int | None:
        """Rows of an earlier run are kept, but for those whose request failed."""
        try:
            row = _decode(line)
        except msgspec.DecodeError:
            return None
        if row.fault in _ASK_AGAIN:
            return None
        if row.problem is not None:
            self.seen.unreadable += 1
        else:
            self._count(row.categories, unsure=bool(row.unsure))
        return row.row

    def _row(self, number: int, opinion: Opinion, model: str) -> dict[str, Any]:
        scores = {str(name): round(score, 6) for name, score in opinion.scores.items()}
        flagged = [n for n, score in scores.items() if score >= self._thresholds.get(n, EVEN)]
        self._count(flagged, unsure=not opinion.sure)
        return {
            "row": number,
            "flagged": bool(flagged) if opinion.sure or flagged else None,
            "categories": flagged,
            "scores": scores,
            "unsure": {str(name): why for name, why in opinion.unsure.items()},
            "fault": fault_of(opinion.error) if opinion.error else None,
            "reason": opinion.reason,
            "confidence_source": opinion.confidence_source,
            "uncalibrated": [n for n, source in opinion.sources.items() if not source.calibrated],
            "model": model,
        }

    def _count(self, flagged: list[str], *, unsure: bool) -> None:
        self.seen.judged += 1
        self.seen.unsure += unsure
        self.seen.flagged.update(flagged)
