"""The moderator that the settings describe, a fine-tuned model in its cascade included."""

from pathlib import Path

from ostraka.errors import UnknownModelError
from ostraka.moderator import Moderator
from ostraka.settings import Settings


def moderator_of(settings: Settings) -> Moderator:
    """The default moderator; `fine_tuned_model` may be a folder, or a model of the database.

    Raises:
        ArtefactError: a model folder is incomplete or was changed.
        UnknownModelError: the database has no such model.
        SettingsError: none of the model's labels means anything to the cascade.
    """
    name = settings.fine_tuned_model
    if not name or Path(name).is_dir():
        return Moderator.default(settings)
    # SQLAlchemy is loaded only for this.
    from ostraka.factory.base import Factory
    from ostraka.factory.serving import Serving

    factory = Factory.open(settings)
    try:
        folder = Serving(factory).folder(name)
    except UnknownModelError as error:
        raise UnknownModelError(f"setting 'fine_tuned_model': {error.message}") from error
    finally:
        factory.database.close()
    return Moderator.default(settings.model_copy(update={"fine_tuned_model": str(folder)}))
