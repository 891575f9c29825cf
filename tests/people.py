"""People in a database, and browsers without a window that are signed in."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from ostraka.access.links import PATH, make_link
from ostraka.access.people import add_person
from ostraka.access.people import set_password as set_a_password
from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.storage.database import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = "four words in a row"
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


def add(database_url: str, name: str, role: Role, password: str | None = None) -> Person:
    """Somebody new, with a password if one is given."""
    with closing(Database.at(database_url)) as database, database.writing() as session:
        person = add_person(session, name, role, datetime.now(UTC))
        return set_a_password(session, person.id, password, NOON) if password else person


def first_admin(folder: Path) -> str:
    """The URL of a new database in a folder, with the admin Ada in it."""
    url = f"sqlite:///{folder / 'ostraka.db'}"
    add(url, "ada@example.org", Role.ADMIN, PASSWORD)
    return url


def link_for(database_url: str, who: str) -> str:
    """The path of a new sign-in link."""
    with closing(Database.at(database_url)) as database, database.writing() as session:
        _, token, _ = make_link(session, who, datetime.now(UTC), timedelta(hours=1))
    return f"{PATH}{token}"


def token_of(page: httpx.Response) -> str:
    """The token in the first form of a page."""
    found = TOKEN.search(page.text)
    assert found, page.text[:500]
    return found[1]


def visitor(address: str, **options: Any) -> httpx.Client:
    """A browser that nobody is signed in with."""
    return httpx.Client(base_url=address, timeout=30, **options)


def post(client: httpx.Client, path: str, page: str = "", **fields: str) -> httpx.Response:
    """Send the form of the page `page` (or of `path` itself) to `path`."""
    token = token_of(client.get(page or path))
    return client.post(path, data={"form_token": token, **fields})


def signed_in(address: str, database_url: str, who: str) -> httpx.Client:
    """A browser that somebody has just signed in with, by a link."""
    client = visitor(address)
    assert post(client, link_for(database_url, who)).status_code == 303
    return client
