"""Signing in, people, keys and settings in Chromium, at every width, in both themes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Opener
from people import PASSWORD, add, first_admin, link_for
from playwright.sync_api import Page, expect
from serving import start_server

from ostraka.access.roles import Role


@dataclass(frozen=True)
class Staffed:
    address: str
    database_url: str

    def link(self, who: str) -> str:
        return link_for(self.database_url, who)


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    folder = tmp_path_factory.mktemp("staffed")
    url = first_admin(folder)
    add(url, "grace-with-a-very-long-name-that-hardly-fits@example.org", Role.ML_ENGINEER)
    add(url, "mary@example.org", Role.REVIEWER)
    process, address = start_server(folder, data_dir=str(folder))
    yield Staffed(address, url)
    process.terminate()
    process.wait(20)


def assert_good(page: Page) -> None:
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_pages_are_accessible_and_fit(
    staffed: Staffed, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(staffed.address, "/people", width=width, color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert_good(page)
    page.goto(staffed.address + staffed.link("ada@example.org"))
    assert_good(page)
    page.get_by_role("button", name="Sign in as").click()
    for path in ("/people", "/people/keys", "/settings"):
        page.goto(staffed.address + path)
        assert_good(page)
    page.goto(f"{staffed.address}/people")
    page.get_by_role("link", name="mary@example.org").click()
    assert_good(page)
    page.get_by_role("button", name="Make a sign-in link").click()
    expect(page.locator("#secret")).to_contain_text("/sign-in/link/")
    assert_good(page)
    page.get_by_role("button", name="Disable…").click()
    assert_good(page)
    page.keyboard.press("Escape")
    page.locator("header [data-menu] summary").click()
    assert_good(page)


def test_one_works_with_the_keyboard_alone(staffed: Staffed, open_page: Opener) -> None:
    page = open_page(staffed.address, "/people/keys")
    page.keyboard.type("ada@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_have_text("Name and password do not fit together.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/keys")
    page.keyboard.press("a")
    page.keyboard.type("forum")
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_contain_text("ost-")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/people")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada@example.org")
    page.keyboard.press("Control+k")
    page.keyboard.type("settings")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings")
    menu = page.locator("header [data-menu] summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in?out=1")


def test_the_theme_goes_along_with_the_person(staffed: Staffed, open_page: Opener) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page = open_page(staffed.address, staffed.link("mary@example.org"), color_scheme="light")
    page.get_by_role("button", name="Sign in as").click()
    expect(page.locator(".rail")).to_be_visible()
    light = page.evaluate(background)
    for _ in range(2):
        with page.expect_response("**/settings/choose") as answer:
            page.locator("[data-theme-switch]").click()
        assert answer.value.status == 204
    dark = page.evaluate(background)
    assert dark != light
    other = open_page(staffed.address, staffed.link("mary@example.org"), color_scheme="light")
    other.get_by_role("button", name="Sign in as").click()
    expect(other.locator(".rail")).to_be_visible()
    assert other.evaluate(background) == dark
    names = other.locator(".rail [data-place]").all_text_contents()
    assert "People" not in names and "Training" not in names


def test_signing_in_and_managing_work_without_javascript(
    staffed: Staffed, open_page: Opener
) -> None:
    page = open_page(staffed.address, "/sign-in?next=/people", java_script_enabled=False)
    page.get_by_label("Name or e-mail address").fill("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name or e-mail address").fill("plain@example.org")
    page.get_by_role("radio", name="Lead Leads reviewers").check()
    page.get_by_role("button", name="Add and make a sign-in link").click()
    expect(page.locator("#secret")).to_contain_text("/sign-in/link/")
    page.get_by_role("link", name="plain@example.org").click()
    page.get_by_role("button", name="Disable and sign out everywhere").click()
    expect(page.get_by_role("button", name="Enable again")).to_be_visible()
