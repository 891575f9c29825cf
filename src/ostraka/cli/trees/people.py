"""What moderators do about contributors on the command line."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import select

from ostraka.cli.trees.opened import (
    ACTOR,
    Json,
    Preview,
    Yes,
    confirm,
    hand,
    moment,
    opened,
    print_consequences,
    print_table,
    say,
)
from ostraka.trees import banning
from ostraka.trees.contributors import Contributor
from ostraka.trees.people import People, Span
from ostraka.trees.tables import ContributorRow

ContributorId = Annotated[
    str, typer.Argument(metavar="CONTRIBUTOR", help="The contributor's id, `contributor_…`.")
]
_COLUMNS = (
    "id",
    "client",
    "auth_method",
    "username",
    "display_name",
    "last_active_at",
    "banned_at",
    "erased_at",
    "merged_into",
)


def withdraw(contributor: ContributorId, preview: Preview = False, as_json: Json = False) -> None:
    """Take back all that a contributor said of others.

    Reviews, rankings and marks no longer count, what rested on them is open again, and the trees go
    on from there. `ostraka trees reinstate` puts reviews and rankings back.
    """
    with opened() as store:
        found = People(hand(store, preview=preview)).withdraw(contributor)
    print_consequences(found, as_json=as_json)


def reinstate(contributor: ContributorId, preview: Preview = False, as_json: Json = False) -> None:
    """Put back reviews and rankings that were withdrawn.

    Marks do not come back, nor what the contributor has said anew since.
    """
    with opened() as store:
        found = People(hand(store, preview=preview)).reinstate(contributor)
    print_consequences(found, as_json=as_json)


def purge(
    contributor: ContributorId,
    messages_only: Annotated[
        bool, typer.Option("--messages-only", help="Only what they wrote; they may go on.")
    ] = False,
    prompts: Annotated[
        bool,
        typer.Option("--prompts/--keep-prompts", help="With --messages-only: their prompts too."),
    ] = False,
    since: Annotated[
        datetime | None, typer.Option(help="With --messages-only: written from then on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="With --messages-only: written until then.")
    ] = None,
    ban: Annotated[bool, typer.Option("--ban/--no-ban", help="Let them in no more.")] = True,
    preview: Preview = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a contributor, or what they wrote, for good.

    Texts are erased with their copies among the items of moderation, and what is below them is
    deleted. Without --messages-only also what they said of others, and who they are. Moments are
    in UTC.
    """
    if not preview:
        confirm(f"Erase {contributor}? This cannot be taken back.", yes=yes)
    with opened() as store:
        people = People(hand(store, preview=preview))
        if messages_only:
            found = people.purge_messages(contributor, Span(prompts, _utc(since), _utc(until)))
        else:
            found = people.purge(contributor, ban=ban)
    print_consequences(found, as_json=as_json)


def merge(
    destination: Annotated[str, typer.Argument(metavar="INTO", help="The contributor who stays.")],
    sources: Annotated[list[str], typer.Argument(metavar="FROM...", help="Who they also are.")],
    preview: Preview = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make one contributor of several that are one person.

    What nobody may do twice, or to what is their own, is left out.
    """
    if not preview:
        confirm(f"Merge {', '.join(sources)} into {destination}?", yes=yes)
    with opened() as store:
        found = People(hand(store, preview=preview)).merge(destination, sources)
    if as_json:
        say([each.as_dict() for each in found])
        return
    for each in found:
        typer.echo(f"{each.contributor}:")
        print_consequences(each, as_json=False)


def ban(
    contributor: ContributorId,
    notes: Annotated[str | None, typer.Option(help="Why, for moderators.")] = None,
    as_json: Json = False,
) -> None:
    """Let a contributor in no more.

    What they hold goes back to others at once; what they wrote and said stays. Nothing that their
    client sends lifts it: `ostraka trees unban` does.
    """
    with opened() as store:
        found = banning.ban(store, contributor, ACTOR, moment(), notes)
    _tell_ban(found, as_json=as_json)


def unban(contributor: ContributorId, as_json: Json = False) -> None:
    """Let a banned contributor in again.

    Bans that follow from strikes end with their strikes, or when a decision is taken back.
    """
    with opened() as store:
        found = banning.unban(store, contributor, ACTOR, moment())
    _tell_ban(found, as_json=as_json)


def contributors(
    search: Annotated[str | None, typer.Option(help="Part of a name.")] = None,
    banned: Annotated[bool, typer.Option("--banned", help="Only those who are banned.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List contributors.

    The newest come first.
    """
    query = select(ContributorRow).order_by(ContributorRow.id.desc()).limit(limit)
    if search is not None:
        query = query.where(
            ContributorRow.username.icontains(search, autoescape=True)
            | ContributorRow.display_name.icontains(search, autoescape=True)
        )
    if banned:
        query = query.where(ContributorRow.banned_at.is_not(None))
    with opened() as store, store.database.reading() as session:
        rows = [{name: getattr(row, name) for name in _COLUMNS} for row in session.scalars(query)]
    if as_json:
        say(rows)
    elif rows:
        print_table(rows, _COLUMNS)
    else:
        typer.echo("There are no such contributors.")


def _tell_ban(found: Contributor, *, as_json: bool) -> None:
    if as_json:
        say({"id": found.id, "display_name": found.display_name, "banned_at": found.banned_at})
    else:
        may = "may contribute" if found.enabled else "is banned"
        typer.echo(f"{found.display_name} ({found.id}) {may}.")


def _utc(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=UTC) if given is not None and given.tzinfo is None else given
