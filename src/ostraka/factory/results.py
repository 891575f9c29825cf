"""The JSON of a classifier's answers, made straight from its table of scores.

A call of 64 texts has some 500 numbers, and around them the same words in every row. Objects for
rows, labels and numbers would cost a third of what the model itself does; here all numbers are
encoded in one call, and put between words that were encoded when the model was loaded.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import compress
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ostraka.assess.classifier import Classifier
from ostraka.assess.targets import LossFunction, Target, columns

_KEPT_PREDICTIONS: Final = 1024
"""Sets of labels of which the JSON is kept, for each target."""

_encode = msgspec.json.Encoder().encode


class ResultEncoder:
    """Scores to JSON: by target the scores, what they amount to, and thresholds if it has any.

        [{"moderation": {"scores": {"insult": 0.9}, "predictions": ["insult"],
                         "threshold": {"insult": 0.5}}}]

    Safe to share between threads.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._places = list(columns(classifier.targets).values())
        self._width = sum(len(target.labels) for target in classifier.targets)
        self._predictions = [_predictions_of(target) for target in classifier.targets]
        targets = (
            _encode(target.name).replace(b"%", b"%%") + b":" + _template(classifier, target)
            for target in classifier.targets
        )
        self._fill: Callable[[tuple[bytes, ...]], bytes] = (
            b"{" + b",".join(targets) + b"}"
        ).__mod__

    def __call__(self, probabilities: NDArray[np.float32]) -> bytes:
        """A JSON array of one result for each row of `probabilities` (texts, columns)."""
        if not len(probabilities):
            return b"[]"
        numbers = _encode(probabilities.ravel().tolist())[1:-1].split(b",")
        predicted = self._classifier.predicted(probabilities)
        fields: list[Iterable[bytes]] = []
        for place, shown in zip(self._places, self._predictions, strict=True):
            fields += (numbers[column :: self._width] for column in range(place.start, place.stop))
            fields.append(map(shown, _rows(predicted[:, place])))
        return b"[" + b",".join(map(self._fill, zip(*fields, strict=True))) + b"]"


def _template(classifier: Classifier, target: Target) -> bytes:
    """One target's part of a result, `%b` where a score or the predictions come."""
    scores = b",".join(_encode(label).replace(b"%", b"%%") + b":%b" for label in target.labels)
    threshold = b""
    if target.loss_function is LossFunction.MULTI_CLASS:
        shown = _encode(classifier.manifest["thresholds"][target.name])
        threshold = b',"threshold":' + shown.replace(b"%", b"%%")
    return b'{"scores":{' + scores + b'},"predictions":%b' + threshold + b"}"


def _predictions_of(target: Target) -> Callable[[bytes], bytes]:
    """From a row of truth values, a byte for each label, to the JSON of those that are true."""
    names = [_encode(label) for label in target.labels]

    @lru_cache(_KEPT_PREDICTIONS)
    def shown(row: bytes) -> bytes:
        return b"[" + b",".join(compress(names, row)) + b"]"

    return shown


def _rows(values: NDArray[np.bool_]) -> list[bytes]:
    """The bytes of each row."""
    whole, width = values.tobytes(), values.shape[1]
    return [whole[start : start + width] for start in range(0, len(whole), width)]
