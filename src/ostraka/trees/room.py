"""Everything about the conversation trees of one database, opened together."""

from dataclasses import dataclass
from pathlib import Path

from ostraka.errors import SettingsError
from ostraka.settings import Settings
from ostraka.storage.database import Database
from ostraka.trees.assignment import Assignment
from ostraka.trees.configuration import TreeConfiguration, parse_configuration
from ostraka.trees.contributors import ContributorStore
from ostraka.trees.store import TreeStore


@dataclass(frozen=True, slots=True)
class TreeRoom:
    """The trees, who contributes to them, and the tasks that they get."""

    store: TreeStore
    contributors: ContributorStore
    assignment: Assignment
    terms_required: bool = False

    @classmethod
    def open(cls, settings: Settings, database: Database) -> "TreeRoom":
        """The trees of a database under the configuration that the settings name.

        Raises:
            TreeConfigurationError: the configuration cannot be used.
            SettingsError: there is no such file.
        """
        store = TreeStore(database, read_configuration(settings.trees_configuration))
        return cls(
            store, ContributorStore(database), Assignment(store), settings.trees_terms_required
        )


def read_configuration(path: Path | None) -> TreeConfiguration:
    """The configuration in a file; the defaults without one.

    Raises:
        TreeConfigurationError: it cannot be used; names each fault.
        SettingsError: there is no such file.
    """
    if path is None:
        return TreeConfiguration()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"setting 'trees_configuration': {error}") from error
    return parse_configuration(text)
