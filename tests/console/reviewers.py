"""A started server with cases in it, people who are signed in, and what tests do on its pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from conftest import Opener
from playwright.sync_api import Page, expect
from review_rows import Seeds
from serving import start_server

from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.settings import Settings
from ostraka.storage.database import Database


@dataclass
class Place:
    """A server, what is kept behind it, and its people."""

    address: str
    seeds: Seeds
    people: dict[str, tuple[Person, dict[str, str]]]

    def open(self, open_page: Opener, who: str, path: str, **options: Any) -> Page:
        """A page in a browser that somebody is signed in with."""
        _, cookie = self.people[who]
        state = {
            "cookies": [
                {
                    **cookie,
                    "domain": "127.0.0.1",
                    "path": "/",
                    "expires": -1,
                    "httpOnly": True,
                    "secure": False,
                    "sameSite": "Lax",
                }
            ],
            "origins": [],
        }
        return open_page(self.address, path, storage_state=state, **options)


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Place]:
    """A server with an admin, a lead and two reviewers."""
    url = settings.get("database_url") or Settings(data_dir=folder).resolved_database_url
    database = Database.at(url)
    seeds = Seeds(database)
    roles = {"admin": Role.ADMIN, "lead": Role.LEAD, "rita": Role.REVIEWER, "ron": Role.REVIEWER}
    people = {name: seeds.person(f"{name}@example.org", role) for name, role in roles.items()}
    process, address = start_server(folder, data_dir=str(folder), workers="0", **settings)
    try:
        yield Place(address, seeds, people)
    finally:
        process.terminate()
        process.wait(20)
        database.close()


def case_of(page: Page) -> str:
    """The case that the page shows."""
    return page.locator("#case").get_attribute("data-case") or ""


def press_on(page: Page, key: str) -> str:
    """Press a key that decides, and wait for the next case; returns that one."""
    before = case_of(page)
    page.wait_for_timeout(300)  # what comes too soon after a case is taken for a mistake
    page.keyboard.press(key)
    expect(page.locator(f'#case:not([data-case="{before}"])')).to_be_visible()
    return case_of(page)


def assert_good(page: Page) -> None:
    """Accessible, and no wider than the screen."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
