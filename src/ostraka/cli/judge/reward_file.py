"""Rewards written as they come, and what an earlier run wrote of them."""

from pathlib import Path
from typing import Final

import msgspec

from ostraka.bulk.checkpoint import Checkpoint
from ostraka.cli.judge.partial_file import PartialFile
from ostraka.errors import DataError
from ostraka.judge.reward_rows import row_of
from ostraka.judge.rewards import Outcome, RewardResult, RewardSummary
from ostraka.judge.turns import Turn

_PACKED: Final = (".gz", ".zst")


class _Kept(msgspec.Struct):
    """What has to be known of a row that an earlier run wrote."""

    turn: int
    label: str
    outcome: Outcome
    reward: float
    should_update: bool


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


class RewardFile(PartialFile):
    """The rewards of one run, and of an earlier one that was interrupted."""

    def __init__(self, output: Path, checkpoint: Checkpoint, *, with_history: bool) -> None:
        if output.suffix.lower() in _PACKED:
            raise DataError(f"{output}: rewards are plain JSONL; pack the file afterwards")
        super().__init__(output, checkpoint)
        self._with_history = with_history
        self.summary = RewardSummary()

    def write(self, number: int, turn: Turn, result: RewardResult) -> None:
        """Add one turn."""
        self.write_line(number, _encode(row_of(number, turn, result, self._with_history)))
        self.summary.add(result)

    def earlier(self, line: bytes) -> int | None:
        """A turn of an earlier run; none that the judge was never asked about."""
        try:
            row = _decode(line)
        except msgspec.DecodeError:
            return None
        if row.outcome is Outcome.REQUEST_FAILED:
            return None
        self.summary.add(
            RewardResult(row.label, 0.0, "", row.reward, row.should_update, row.outcome)
        )
        return row.turn
