"""The second stage: a small transformer encoder, int8, through ONNX Runtime.

Long texts are scored in overlapping windows of tokens, whose scores `pooling` makes one.

Every window is a pass of its own. The graph quantises its activations by the range of the whole
batch, so in a shared pass a text's scores would depend on the texts beside it, and no version
could promise the same scores again. On a CPU a batch is hardly faster (`benchmarks/encoder.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ostraka.assess.normalize import normalize
from ostraka.assess.pooling import pool

_OVERLAP: Final = 16


class EncoderModel:
    """An exported encoder: texts to raw logits. Safe to call from several threads."""

    def __init__(
        self,
        graph: Path,
        tokenizer: Path,
        *,
        tokens: int,
        threads: int = 1,
        averaged: Sequence[int] = (),
    ) -> None:
        """`averaged` are the columns that `pool` averages over a text's windows."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._averaged = tuple(averaged)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=tokens, stride=_OVERLAP)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories), those of a text's windows pooled."""
        return pool(*self.window_logits(texts), self._averaged)

    def window_logits(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Raw logits (windows, categories) in text order, and each text's number of windows."""
        encoded = self._tokenizer.encode_batch([normalize(text) for text in texts])
        windows = [(first, *first.overflowing) for first in encoded]
        logits = np.stack([self._pass(window.ids) for text in windows for window in text])
        return logits, np.fromiter(map(len, windows), np.int64, len(windows))

    def _pass(self, ids: list[int]) -> NDArray[np.float32]:
        inputs = np.array([ids], np.int64)
        outputs = self._session.run(
            ["logits"], {"input_ids": inputs, "attention_mask": np.ones_like(inputs)}
        )
        return np.asarray(outputs[0][0], np.float32)
