"""`ostraka people …`: add people who sign in, and give them roles, links and passwords.

What needs SQLAlchemy is imported where it is used: it takes half a second, which no other command
needs.
"""

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.errors import NotFoundError
from ostraka.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

app = typer.Typer(
    help="Add people who sign in, and give them roles and links.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Add people who sign in, and give them roles and links."""


Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Who = Annotated[str, typer.Argument(metavar="NAME", help="Their name, or their id `person_…`.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What they sign in with: an e-mail address, say.")],
    role: Annotated[Role, typer.Option(help="What they are here for.")] = Role.REVIEWER,
    as_json: Json = False,
) -> None:
    """Add somebody, and print a link that signs them in once."""
    from ostraka.access.links import make_link
    from ostraka.access.people import add_person

    settings, now = load_settings(), datetime.now(UTC)
    with _writing(settings) as session:
        person = add_person(session, name, role, now)
        made = make_link(session, person.id, now, timedelta(hours=settings.sign_in_link_hours))
    _show_link(settings, *made, as_json=as_json)


@app.command("list")
def list_people(as_json: Json = False) -> None:
    """List everybody, disabled people too."""
    from ostraka.access.people import all_people
    from ostraka.storage.database import Database

    database = Database.at(load_settings().resolved_database_url)
    people: list[Person] = []
    if database.location.exists():
        with database.reading() as session:
            people = all_people(session)
    database.close()
    if as_json:
        typer.echo(json.dumps([_card(person) for person in people]))
        return
    if not people:
        typer.echo("Nobody was added yet: ostraka people add NAME --role admin")
        return
    table = Table("id", "name", "others see", "role", "state", "ways in")
    for person in people:
        card = _card(person)
        ways = ", ".join(card["ways_in"]) or "link"
        table.add_row(person.id, person.name, person.pseudonym, person.role, card["state"], ways)
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command()
def link(who: Who, as_json: Json = False) -> None:
    """Print a link that signs somebody in once; their older links work no more."""
    from ostraka.access.links import make_link

    settings = load_settings()
    lifetime = timedelta(hours=settings.sign_in_link_hours)
    with _writing(settings, existing=True) as session:
        made = make_link(session, who, datetime.now(UTC), lifetime)
    _show_link(settings, *made, as_json=as_json)


@app.command()
def role(
    who: Who,
    to: Annotated[Role, typer.Argument(metavar="ROLE", help=", ".join(Role) + ".")],
    as_json: Json = False,
) -> None:
    """Give somebody another role; it counts from their next request on."""
    from ostraka.access.people import set_role

    _change(lambda session: set_role(session, who, to, datetime.now(UTC)), as_json=as_json)


@app.command()
def disable(who: Who, as_json: Json = False) -> None:
    """Let somebody in no more: sessions and links end at once."""
    from ostraka.access.people import disable as disable_person

    _change(lambda session: disable_person(session, who, datetime.now(UTC)), as_json=as_json)


@app.command()
def enable(who: Who, as_json: Json = False) -> None:
    """Let somebody in again."""
    from ostraka.access.people import enable as enable_person

    _change(lambda session: enable_person(session, who, datetime.now(UTC)), as_json=as_json)


@app.command()
def password(
    who: Who,
    remove: Annotated[bool, typer.Option("--remove", help="Take the password away.")] = False,
    as_json: Json = False,
) -> None:
    """Give somebody a password, asked for here or read from stdin; ends their sessions."""
    from ostraka.access.people import find_person, set_password
    from ostraka.access.sessions import revoke_sessions

    wanted: str | None = None
    if not remove and sys.stdin.isatty():
        wanted = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    elif not remove:
        wanted = sys.stdin.readline().rstrip("\r\n")

    def changed(session: "Session") -> Person:
        person = find_person(session, who)
        now = datetime.now(UTC)
        revoke_sessions(session, person.id, now)
        return set_password(session, person.id, wanted, now)

    _change(changed, as_json=as_json)


@contextmanager
def _writing(settings: Settings, existing: bool = False) -> "Iterator[Session]":
    from ostraka.storage.database import Database

    database = Database.at(settings.resolved_database_url)
    try:
        if existing and not database.location.exists():
            raise NotFoundError("Nobody was added yet: ostraka people add NAME --role admin")
        with database.writing() as session:
            yield session
    finally:
        database.close()


def _change(change: "Callable[[Session], Person]", *, as_json: bool) -> None:
    with _writing(load_settings(), existing=True) as session:
        person = change(session)
    card = _card(person)
    if as_json:
        typer.echo(json.dumps(card))
        return
    ways = ", ".join(card["ways_in"]) or "links alone"
    typer.echo(f"{person.name} is {card['state']}, {person.role.label}; signs in with {ways}.")


def _show_link(
    settings: Settings, person: Person, token: str, expires_at: datetime, *, as_json: bool
) -> None:
    from ostraka.access.links import PATH

    base = settings.public_url.rstrip("/") or f"http://{settings.host}:{settings.port}"
    address = f"{base}{PATH}{token}"
    if as_json:
        moment = expires_at.isoformat(timespec="seconds")
        typer.echo(json.dumps(_card(person) | {"link": address, "link_expires_at": moment}))
        return
    typer.echo(address)
    Console(stderr=True).print(
        f"{person.id} '{person.name}' ({person.role.label}, seen as {person.pseudonym}) signs in "
        f"with this link, once, until {expires_at:%Y-%m-%d %H:%M} UTC.",
        highlight=False,
        soft_wrap=True,
    )


def _card(person: Person) -> dict[str, Any]:
    ways = (("password", person.has_password), ("oidc", person.oidc_subject is not None))
    return {
        "id": person.id,
        "name": person.name,
        "pseudonym": person.pseudonym,
        "role": str(person.role),
        "state": "disabled" if person.disabled_at else "active",
        "ways_in": [way for way, is_open in ways if is_open],
        "created_at": person.created_at.isoformat() if person.created_at else None,
        "disabled_at": person.disabled_at.isoformat() if person.disabled_at else None,
    }
