"""Contributors and a reported message with the ids that the description's examples name.

To be put in behind `seeded_trees`, which clears the tables.
"""

from datetime import UTC, datetime
from pathlib import Path

from seeded_trees import REPLY, ours

from ostraka.server.description.tree_admin import SOMEBODY_ELSE_ID, SOMEBODY_ID
from ostraka.storage.database import Database
from ostraka.trees.tables import ContributorRow, TreeFlagRow

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def seed(data: Path) -> None:
    """Put everything (back) into the database of a server."""
    database = Database.at(f"sqlite:///{data / 'ostraka.db'}")
    with database.writing() as session:
        for name, theirs in (("dan", SOMEBODY_ID), ("eve", SOMEBODY_ELSE_ID)):
            session.merge(
                ContributorRow(
                    id=ours("contributor", theirs),
                    created_at=NOW,
                    client="local",
                    auth_method="local",
                    username=name,
                    display_name=name.title(),
                    show_on_leaderboard=True,
                    notes="",
                )
            )
        session.merge(TreeFlagRow(message_id=REPLY, reported_at=NOW))
    database.close()
