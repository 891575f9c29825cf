"""A fine-tuned model in the cascade, by one setting."""

from pathlib import Path

import numpy as np
import pytest
from seeded_factory import write_model

from ostraka.assess.classifier import Classifier
from ostraka.assess.fine_tuned import category_of
from ostraka.errors import ArtefactError, SettingsError, UnknownModelError
from ostraka.factory.cascade import moderator_of
from ostraka.moderator import Moderator
from ostraka.settings import Settings
from ostraka.taxonomy import Category

TEXTS = ["You are a stupid idiot.", "Thank you, have a nice day.", ""]


def settings(tmp_path: Path, model: object) -> Settings:
    return Settings(data_dir=tmp_path / "data", fine_tuned_model=str(model))


def test_its_labels_replace_their_categories_in_the_last_stage(
    tmp_path: Path, moderator: Moderator
) -> None:
    write_model(tmp_path / "model")
    tuned = moderator_of(settings(tmp_path, tmp_path / "model"))
    last = moderator.models[-1].id
    classifier = Classifier.load(tmp_path / "model")
    columns = classifier.probabilities(TEXTS)
    plain = moderator.cascade(last).stages[-1].assess(TEXTS)
    mixed = tuned.cascade(last).stages[-1].assess(TEXTS)
    categories = list(tuned.categories)
    insult = categories.index(Category.INSULT)
    threat = categories.index(Category.HARASSMENT_THREATENING)  # civil_comments' `threat`
    np.testing.assert_array_equal(mixed[:, insult], columns[:, 2])
    np.testing.assert_array_equal(mixed[:, threat], columns[:, 3])
    others = [n for n in range(len(categories)) if n not in (insult, threat)]
    np.testing.assert_array_equal(mixed[:, others], plain[:, others])


def test_digests_tell_the_difference(tmp_path: Path, moderator: Moderator) -> None:
    write_model(tmp_path / "model")
    tuned = moderator_of(settings(tmp_path, tmp_path / "model"))
    assert tuned.cascade().digest != moderator.cascade().digest
    again = moderator_of(settings(tmp_path, tmp_path / "model"))
    assert tuned.cascade().pinned_name == again.cascade().pinned_name
    with pytest.raises(UnknownModelError):
        tuned.cascade(moderator.cascade().pinned_name)


def test_a_model_that_means_nothing_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="setting 'fine_tuned_model'"):
        moderator_of(settings(tmp_path, "ft:classifier:none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError):
        moderator_of(settings(tmp_path, tmp_path / "empty"))
    write_model(tmp_path / "model", labels=("good", "bad"))
    with pytest.raises(SettingsError, match="none of its labels"):
        moderator_of(settings(tmp_path, tmp_path / "model"))


def test_labels_are_looked_up_in_four_vocabularies() -> None:
    assert category_of("insult") is Category.INSULT
    assert category_of("identity_attack") is Category.HATE
    assert category_of("TOXICITY") is Category.TOXICITY
    assert category_of("hate_speech") is Category.HATE
    assert category_of("self_harm_risk") is Category.SELF_HARM
    assert category_of("doxxing") is None
    assert category_of("safe") is None
