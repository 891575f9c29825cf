"""The model that is tried in shadow, loaded when it is first asked."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ostraka.errors import UnknownModelError
from ostraka.factory.cascade import moderator_of
from ostraka.moderator import Moderator, Verdict
from ostraka.settings import Settings


def candidate_scores(settings: Settings) -> Callable[[Sequence[str], str], Sequence[Verdict]]:
    """Scores texts with a model by its name: a served one, or a fine-tuned one in the cascade."""
    loaded: dict[str, tuple[Moderator, str | None]] = {}

    def score(texts: Sequence[str], model: str) -> Sequence[Verdict]:
        if model not in loaded:
            loaded.clear()  # one at a time: an encoder takes hundreds of megabytes
            loaded[model] = _load(settings, model)
        moderator, name = loaded[model]
        return moderator.moderate_many(texts, model=name)

    return score


def _load(settings: Settings, model: str) -> tuple[Moderator, str | None]:
    if not Path(model).is_dir():
        served = moderator_of(settings)
        try:
            served.cascade(model)
        except UnknownModelError:
            pass
        else:
            return served, model
    return moderator_of(settings.model_copy(update={"fine_tuned_model": model})), None
