"""A fine-tuned classifier inside the cascade: its labels take the place of a stage's columns."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from ostraka.assess.base import Assessor, Scores
from ostraka.assess.classifier import Classifier
from ostraka.assess.targets import columns
from ostraka.errors import SettingsError
from ostraka.taxonomy import CIVIL_COMMENTS, PERSPECTIVE, VIOLATION_TYPES, Category

_VIEWS: Final = (CIVIL_COMMENTS, PERSPECTIVE, VIOLATION_TYPES)


class FineTunedStage:
    """An `Assessor`: another one's scores, except where the classifier knows better.

    A label is taken for the category that it names, or that it names in the vocabulary of
    civil_comments, Perspective or the violation types, which reviewers' decisions are labelled
    with. Where several labels mean one category, the highest counts.
    """

    def __init__(self, stage: Assessor, classifier: Classifier) -> None:
        self.name = stage.name
        self.categories = stage.categories
        self._stage = stage
        self._classifier = classifier
        self._places = places(classifier, stage.categories)
        if not self._places:
            known = ", ".join(label for target in classifier.targets for label in target.labels)
            raise SettingsError(
                f"setting 'fine_tuned_model': none of its labels ({known}) names a category that "
                f"the cascade models ({', '.join(stage.categories)})"
            )
        state = [stage.digest, classifier.digest, sorted(self._places.items())]
        self.digest = hashlib.sha256(json.dumps(state).encode()).hexdigest()

    def assess(self, texts: Sequence[str]) -> Scores:
        """Calibrated probabilities (len(texts), categories)."""
        scores = self._stage.assess(texts).copy()
        if texts:
            probabilities = self._classifier.probabilities(texts)
            for place, labels in self._places.items():
                scores[:, place] = probabilities[:, labels].max(axis=1)
        return scores


def places(classifier: Classifier, categories: Sequence[Category]) -> dict[int, list[int]]:
    """For the number of a category's column, those of the labels that stand for it."""
    starts = columns(classifier.targets)
    found: dict[int, list[int]] = {}
    for target in classifier.targets:
        for number, label in enumerate(target.labels, start=starts[target.name].start):
            category = category_of(label)
            if category in categories:
                found.setdefault(categories.index(category), []).append(number)
    return found


def category_of(label: str) -> Category | None:
    """The category that a label names in one of the vocabularies; None if in none.

    Of a violation type's categories it is the first, the most general one: what is trained on
    `hate_speech` cannot tell threats from other hate.
    """
    if label in set(Category):
        return Category(label)
    for view in _VIEWS:
        parts = view.mapping.get(label, ())
        if parts:
            return parts[0]
    return None
