"""The second stage: a small transformer encoder, int8, through ONNX Runtime.

Long texts are scored in overlapping windows of tokens, whose scores `pooling` makes one. In a
cascade it reads only those windows that the stage before is in doubt of.

Every window is a pass of its own. The graph quantises its activations by the range of the whole
batch, so in a shared pass a text's scores would depend on the texts beside it, and no version
could promise the same scores again. On a CPU a batch is hardly faster (`benchmarks/encoder.py`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ostraka.assess.graph import open_graph
from ostraka.assess.normalize import normalize
from ostraka.assess.pooling import Pooling

_OVERLAP: Final = 16

Doubt = Callable[[Sequence[str]], NDArray[np.bool_]]
"""Which categories a cheaper stage is in doubt of: texts to (len(texts), categories)."""


class EncoderModel:
    """An exported encoder: texts to raw logits. Safe to call from several threads."""

    def __init__(
        self,
        graph: Path,
        tokenizer: Path,
        *,
        tokens: int,
        threads: int = 1,
        pooling: Pooling | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        """`pooling` makes one text of its windows; by default the highest of each column counts.
        With `doubt`, only windows of a long text are read that it tells some of; without, all.
        """
        self._session = open_graph(graph, threads)
        self._pooling = pooling or Pooling()
        self._doubt = doubt
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=tokens, stride=_OVERLAP)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits (len(texts), categories), those of a text's windows pooled."""
        normal = [normalize(text) for text in texts]
        return self._pooling(*self._window_logits(normal), normal)

    def window_logits(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Raw logits (windows, categories) in text order, and how many of each text were read."""
        return self._window_logits([normalize(text) for text in texts])

    def _window_logits(self, normal: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        windows = [
            self._worth_reading(text, [first, *first.overflowing])
            for text, first in zip(normal, self._tokenizer.encode_batch(normal), strict=True)
        ]
        logits = np.stack([self._pass(window.ids) for text in windows for window in text])
        return logits, np.fromiter(map(len, windows), np.int64, len(windows))

    def _worth_reading(self, text: str, windows: list[Encoding]) -> list[Encoding]:
        """The windows that raise a doubt. All of them where only the text as a whole does, or where
        the doubt is of a category for which windows vote.
        """
        if self._doubt is None or len(windows) == 1:
            return windows
        whole, *parts = self._doubt([text, *(_passage(text, window) for window in windows)])
        if whole[list(self._pooling.averaged)].any():
            return windows
        return [
            window for window, part in zip(windows, parts, strict=True) if part.any()
        ] or windows

    def _pass(self, ids: list[int]) -> NDArray[np.float32]:
        inputs = np.array([ids], np.int64)
        outputs = self._session.run(
            ["logits"], {"input_ids": inputs, "attention_mask": np.ones_like(inputs)}
        )
        return np.asarray(outputs[0][0], np.float32)


def _passage(text: str, window: Encoding) -> str:
    """What a window holds of its text; special tokens stand for nothing there."""
    places = [place for place in window.offsets if place[0] < place[1]]
    return text[places[0][0] : places[-1][1]]
