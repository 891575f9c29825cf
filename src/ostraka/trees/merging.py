"""Who may be merged with whom, and what goes along besides what they did in trees.

A ban belongs to a person, whatever they call themselves, so no merge shakes one off: whichever of
the two accounts was banned, the one that is left is, and holds no tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.review.records import join_records
from ostraka.storage import audit
from ostraka.trees.banning import release
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.contributors import CONSOLE, ban_in, is_banned, names_on_record
from ostraka.trees.holding import hold_contributor
from ostraka.trees.tables import ContributorRow


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contributors who are one person, of whom `destination` is left."""

    source: str
    destination: str

    def brings_ban(self, session: Session, now: datetime) -> bool:
        """Whether the one that is left is banned for what the other was banned for."""
        return is_banned(session, self.source, now) and not is_banned(
            session, self.destination, now
        )


def check_merge(session: Session, destination: str, sources: Sequence[str]) -> None:
    """Let only those through who can become one.

    Raises:
        InvalidInputError: somebody would be merged with themselves, or lose how they sign in.
        ConflictError: one of them is somebody else by now, or was erased.
    """
    wanted = select(ContributorRow).where(ContributorRow.id.in_((destination, *sources)))
    rows = {row.id: row for row in session.scalars(wanted)}
    into = rows.get(destination)
    if destination in sources:
        raise InvalidInputError(
            "A contributor cannot be merged with themselves.", field="source_user_ids"
        )
    if into is None and rows:
        raise InvalidInputError(
            f"'{destination}' is only a name in a file that was imported, and nobody signs in "
            "under it.",
            field="destination_user_id",
            valid="a contributor of a client or of the console",
        )
    if into is not None and into.erased_at is not None:
        raise ConflictError(
            f"'{destination}' was erased, so nobody can be merged into them.",
            code="contributor_erased",
        )
    if into is not None and into.merged_into is not None:
        raise _merged_already(destination, into.merged_into)
    for row in rows.values():
        if row.id == destination:
            continue
        if row.merged_into not in (None, destination):
            raise _merged_already(row.id, str(row.merged_into))
        if row.client == CONSOLE:
            # Their items would be another author's, and they could decide on them.
            raise InvalidInputError(
                f"'{row.id}' signs in to the console, so others are merged into them, not they "
                "into others.",
                field="source_user_ids",
                valid="contributors of clients",
            )


def lead(
    session: Session, pair: Pair, actor: str, configuration: TreeConfiguration, now: datetime
) -> None:
    """Let all that came as one contributor come as the other, with their record and their ban.

    In the caller's transaction, which ends soon. From then on nothing is taken or handed in under
    the old id.

    Raises:
        InvalidInputError, ConflictError: see `check_merge`.
    """
    for each in sorted((pair.source, pair.destination)):
        hold_contributor(session, each)
    check_merge(session, pair.destination, (pair.source,))  # again: another merge may have won
    if pair.brings_ban(session, now):  # trees before people: everybody locks in this order
        release(session, pair.destination, actor, configuration, now)
    names = names_on_record(session, (pair.source, pair.destination))
    join_records(
        session,
        names.get(pair.source, pair.source),
        names.get(pair.destination, pair.destination),
    )
    source = session.get(ContributorRow, pair.source, with_for_update=True)
    if source is not None and source.banned_at is not None:
        ban_in(session, pair.destination, now)
        source.banned_at = None
        session.flush()
        detail = {"merged": pair.source}
        audit.append(session, actor, "contributor.banned", pair.destination, detail, now)
    # Whoever was merged into the source before belongs to the destination too.
    led = (ContributorRow.id == pair.source) | (ContributorRow.merged_into == pair.source)
    session.execute(update(ContributorRow).where(led).values(merged_into=pair.destination))


def _merged_already(contributor: str, into: str) -> ConflictError:
    return ConflictError(
        f"'{contributor}' is the same person as '{into}' already; name that one instead.",
        code="contributor_merged",
    )
