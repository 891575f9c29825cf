"""The JSON of classifications says what the classifier says, whatever targets are called."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ostraka.assess.classifier import Classifier
from ostraka.assess.target_calibration import TargetCalibration
from ostraka.assess.targets import LossFunction, Target
from ostraka.factory.results import ResultEncoder

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["%", "%b", '"', "\\", "100 %%", "é", "</script>", "a,b", "\u2028"]
)


class Table:
    """A model that says of text `n` what row `n` of a table says."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        self.table = table

    def window_logits(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return self.table[[int(text) for text in texts]], np.ones(len(texts), np.int64)


def classifier_of(
    shapes: Sequence[tuple[str, Sequence[str], LossFunction]], seed: int, rows: int
) -> Classifier:
    """A classifier of these targets, with random logits and thresholds."""
    random = np.random.default_rng(seed)
    targets = [Target(name, tuple(labels), loss) for name, labels, loss in shapes]
    thresholds = {
        target.name: {label: float(random.uniform()) for label in target.labels}
        for target in targets
        if target.loss_function is LossFunction.MULTI_CLASS
    }
    calibration = TargetCalibration.identity(targets)
    manifest: dict[str, Any] = {
        "base": "ostraka-lexical",
        "format": 1,
        "model": {"kind": "lexical"},
        "files": {"lexical.npz": ""},
        "targets": [target.to_json() for target in targets],
        "thresholds": thresholds,
        "calibration": calibration.to_json(),
    }
    table = random.normal(0, 3, (rows, calibration.width)).astype(np.float32)
    return Classifier(Table(table), calibration, thresholds, manifest)


def expected_of(classifier: Classifier, texts: Sequence[str]) -> list[Any]:
    results = []
    for answer in classifier.predict(texts):
        result: dict[str, Any] = {}
        for name, said in answer.items():
            result[name] = {"scores": dict(said.scores), "predictions": list(said.predictions)}
            if name in classifier.manifest["thresholds"]:
                result[name]["threshold"] = classifier.manifest["thresholds"][name]
        results.append(result)
    return results


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            NAMES,
            st.lists(NAMES, min_size=2, max_size=9, unique=True),
            st.sampled_from(LossFunction),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda shape: shape[0],
    ),
    st.integers(0, 2**32),
    st.integers(0, 5),
)
def test_the_json_is_what_the_classifier_says(
    shapes: list[tuple[str, list[str], LossFunction]], seed: int, rows: int
) -> None:
    classifier = classifier_of(shapes, seed, rows)
    texts = [str(row) for row in range(rows)]
    shown = ResultEncoder(classifier)(classifier.probabilities(texts))
    assert msgspec.json.decode(shown) == expected_of(classifier, texts)


def test_a_result_reads_as_the_documentation_says() -> None:
    shapes = [
        ("moderation", ("toxicity", "insult"), LossFunction.MULTI_CLASS),
        ("language", ("en", "fr"), LossFunction.SINGLE_CLASS),
    ]
    classifier = classifier_of(shapes, 0, 1)
    [result] = msgspec.json.decode(ResultEncoder(classifier)(classifier.probabilities(["0"])))
    assert list(result) == ["moderation", "language"]
    assert list(result["moderation"]) == ["scores", "predictions", "threshold"]
    assert list(result["moderation"]["scores"]) == ["toxicity", "insult"]
    scores, thresholds = result["moderation"]["scores"], result["moderation"]["threshold"]
    hit = [label for label in scores if scores[label] >= thresholds[label]]
    assert result["moderation"]["predictions"] == hit
    assert list(result["language"]) == ["scores", "predictions"]
    assert len(result["language"]["predictions"]) == 1
