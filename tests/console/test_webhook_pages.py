"""The pages of webhooks in Chromium, at every width, in both themes, by keyboard alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from accessible import assert_accessible
from conftest import Opener
from people import add, first_admin, link_for
from playwright.sync_api import Page, expect
from serving import start_server
from webhook_rows import LONG, add_deliveries

from ostraka.access.roles import Role
from ostraka.storage.database import Database


@dataclass(frozen=True)
class Hooked:
    address: str
    database_url: str
    webhook_id: str

    def sign_in(self, page: Page, who: str = "ada@example.org") -> None:
        page.goto(self.address + link_for(self.database_url, who))
        page.get_by_role("button", name="Sign in as").click()


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    folder = tmp_path_factory.mktemp("hooked")
    url = first_admin(folder)
    add(url, "mary@example.org", Role.LEAD)
    database = Database.at(url)
    webhook_id = add_deliveries(database)
    database.close()
    process, address = start_server(folder, data_dir=str(folder), workers="0")
    yield Hooked(address, url, webhook_id)
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "dark"), (768, "dark"), (768, "light"), (1440, "dark")]
)
def test_pages_are_accessible_and_fit(
    hooked: Hooked, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(hooked.address, "/sign-in", width=width, color_scheme=scheme)
    hooked.sign_in(page)
    for path in (
        "/webhooks",
        f"/webhooks/{hooked.webhook_id}",
        "/webhooks/deliveries",
        "/webhooks/deliveries?state=dead",
        "/webhooks/deliveries?state=dead&event=case.opened",
    ):
        page.goto(hooked.address + path)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"{hooked.address}/webhooks/deliveries?state=dead")
    page.get_by_role("link", name="decision.made").first.click()
    expect(page.get_by_label("Last answer")).to_contain_text("<full>")
    assert_accessible(page)
    page.goto(f"{hooked.address}/webhooks/{hooked.webhook_id}")
    page.get_by_role("button", name="Remove…").click()
    assert_accessible(page)


def test_a_webhook_lives_by_the_keyboard_alone(hooked: Hooked, open_page: Opener) -> None:
    page = open_page(hooked.address, "/sign-in")
    hooked.sign_in(page)
    page.wait_for_load_state("networkidle")  # keys are heard once the scripts are there
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/webhooks")
    page.keyboard.press("a")
    page.keyboard.type("https://127.0.0.1/hook")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_contain_text("127.0.0.1")
    expect(page.get_by_label("Address")).to_have_value("https://127.0.0.1/hook")
    page.keyboard.press("a")
    page.keyboard.press("Control+A")
    page.keyboard.type("https://example.com/hook")
    page.keyboard.press("Enter")
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("whsec_")
    page.goto(f"{hooked.address}/webhooks")
    assert secret not in page.content()
    page.get_by_role("link", name="https://example.com/hook").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("https://example.com/hook")
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_have_text("A test is on its way.")
    expect(page.get_by_role("rowheader")).to_contain_text("webhook.test")
    page.get_by_role("button", name="Make a new secret").focus()
    page.keyboard.press("Enter")
    assert page.locator("#secret").inner_text() != secret
    page.goto(page.url.removesuffix("/rotate"))
    expect(page.locator("body")).to_contain_text("signed with the old secret too")
    page.get_by_role("button", name="Disable").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    page.goto(page.url.split("?")[0])
    expect(page.locator(".notice-title")).to_contain_text("switched off by you")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
    page.get_by_role("button", name="Remove…").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove the webhook").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_have_text("The webhook was removed.")
    expect(page.get_by_role("link", name="https://example.com/hook")).to_have_count(0)


def test_dead_letters_are_sent_again(hooked: Hooked, open_page: Opener) -> None:
    page = open_page(hooked.address, "/sign-in")
    hooked.sign_in(page)
    page.goto(f"{hooked.address}/webhooks/deliveries?state=dead")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("decision.made")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_contain_text("on its way again")
    expect(page.locator(".chip").first).to_have_text("Pending")
    page.goto(f"{hooked.address}/webhooks/deliveries?state=dead")
    expect(page.get_by_role("heading", level=2)).to_have_text("No dead letters")
    page.goto(f"{hooked.address}/webhooks")
    expect(page.get_by_role("link", name=LONG)).to_be_visible()


def test_only_admins_see_them(hooked: Hooked, open_page: Opener) -> None:
    page = open_page(hooked.address, "/sign-in")
    hooked.sign_in(page, "mary@example.org")
    assert page.get_by_role("link", name="Webhooks").count() == 0
    answer = page.goto(f"{hooked.address}/webhooks")
    assert answer is not None
    assert answer.status == 403
    assert httpx.get(f"{hooked.address}/webhooks").status_code in (303, 401)
    forged = httpx.post(f"{hooked.address}/webhooks", data={"url": "https://example.com"})
    assert forged.status_code in (303, 401, 403)
