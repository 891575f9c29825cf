"""The second stage: a small transformer encoder, int8, through ONNX Runtime.

Long texts are scored in overlapping windows of tokens, and the highest score of any window
counts: what is hidden in the middle of a long text is still read. Windows of all texts of a call
share batches, sorted by length so that little is padded.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ostraka.assess.base import Scores
from ostraka.assess.calibration import Calibration
from ostraka.assess.normalize import normalize
from ostraka.taxonomy import Category

_OVERLAP: Final = 16
_PADDED_TOKENS: Final = 512
"""At most this many tokens and thread, padding included, in one pass.

What a pass works on then stays in the processor's cache; four times as many were a fifth slower.
"""


class EncoderModel:
    """An exported encoder: texts to raw logits. Safe to call from several threads."""

    def __init__(self, graph: Path, tokenizer: Path, *, tokens: int, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._padded_tokens = _PADDED_TOKENS * threads
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=tokens, stride=_OVERLAP)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories): per category the highest of a text's windows."""
        windows: list[list[int]] = []
        owners: list[int] = []
        for owner, encoding in enumerate(
            self._tokenizer.encode_batch([normalize(text) for text in texts])
        ):
            for window in (encoding, *encoding.overflowing):
                windows.append(window.ids)
                owners.append(owner)
        by_window = self._run(windows)
        out = np.full((len(texts), by_window.shape[1]), -np.inf, np.float32)
        np.maximum.at(out, owners, by_window)
        return out

    def _run(self, windows: list[list[int]]) -> NDArray[np.float32]:
        order = sorted(range(len(windows)), key=lambda index: len(windows[index]))
        parts: list[NDArray[np.float32]] = []
        start = 0
        while start < len(order):
            end = start + 1
            while (
                end < len(order)
                and (end + 1 - start) * len(windows[order[end]]) <= self._padded_tokens
            ):
                end += 1
            parts.append(self._pass([windows[index] for index in order[start:end]]))
            start = end
        stacked = np.concatenate(parts)
        out = np.empty_like(stacked)
        out[order] = stacked
        return out

    def _pass(self, windows: list[list[int]]) -> NDArray[np.float32]:
        longest = max(map(len, windows))
        ids = np.zeros((len(windows), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        outputs = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(outputs[0], np.float32)


class EncoderAssessor:
    """The encoder stage: model and calibration behind the `Assessor` protocol."""

    name = "encoder"

    def __init__(
        self,
        model: EncoderModel,
        calibration: Calibration,
        categories: tuple[Category, ...],
        digest: str,
    ) -> None:
        self._model = model
        self._calibration = calibration
        self.categories = categories
        self.digest = digest

    def assess(self, texts: Sequence[str]) -> Scores:
        """Calibrated probabilities (len(texts), categories)."""
        return self._calibration(self._model.logits(texts))
