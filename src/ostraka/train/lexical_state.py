"""Where a lexical training stands, as a file from which another process goes on."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ostraka.train.whole_files import written_whole

Floats = NDArray[np.float32]

_UNREADABLE: Final = (BadZipFile, ValueError, EOFError, KeyError, OSError, RuntimeError)
"""What NumPy and `zipfile` raise for a damaged file; the last one for what looks encrypted."""

_log = logging.getLogger("ostraka.train")


@dataclass(slots=True)
class LexicalState:
    """Weights (buckets, columns), bias (columns,), the pace of both, and the steps made.

    `fingerprint` names the rows and options that it belongs to; `best` is the lowest validation
    loss so far, and `evaluations_without_gain` counts those since.
    """

    weights: Floats
    pace: Floats
    bias: Floats
    bias_pace: Floats
    step: int
    best: float
    evaluations_without_gain: int
    fingerprint: str

    @classmethod
    def fresh(cls, buckets: int, bias: Floats, fingerprint: str) -> "LexicalState":
        """Before the first step."""
        shape = (buckets, len(bias))
        zeros = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        return cls(*zeros, bias, np.zeros_like(bias), 0, float("inf"), 0, fingerprint)

    @classmethod
    def load(cls, path: Path, fresh: "LexicalState") -> "LexicalState":
        """What `path` holds, or `fresh` if it holds nothing or the state of another training.

        What cannot be read counts as nothing: steps can be made again, a job that fails at every
        attempt cannot be saved.
        """
        if not path.is_file():
            return fresh
        try:
            return cls._read(path, fresh)
        except _UNREADABLE as error:
            _log.warning("the state in %s cannot be read, training begins anew: %s", path, error)
            return fresh

    @classmethod
    def _read(cls, path: Path, fresh: "LexicalState") -> "LexicalState":
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) != fresh.fingerprint:
                return fresh
            return cls(
                weights=kept["weights"],
                pace=kept["pace"],
                bias=kept["bias"],
                bias_pace=kept["bias_pace"],
                step=int(kept["step"]),
                best=float(kept["best"]),
                evaluations_without_gain=int(kept["evaluations_without_gain"]),
                fingerprint=fresh.fingerprint,
            )

    def save(self, path: Path) -> None:
        """Replace what `path` holds, at once."""
        with written_whole(path) as temporary:
            np.savez(temporary, **{name: getattr(self, name) for name in self.__slots__})

    def note(self, loss: float) -> None:
        """A validation loss."""
        if loss < self.best:
            self.best, self.evaluations_without_gain = loss, 0
        else:
            self.evaluations_without_gain += 1
