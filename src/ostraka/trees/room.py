"""Everything about the conversation trees of one database, opened together."""

from dataclasses import dataclass

from ostraka.settings import Settings
from ostraka.storage.database import Database
from ostraka.trees.assignment import Assignment
from ostraka.trees.configuration import read_configuration
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
            SettingsError: the configuration cannot be used.
        """
        store = TreeStore(database, read_configuration(settings.trees_configuration))
        return cls(
            store, ContributorStore(database), Assignment(store), settings.trees_terms_required
        )
