"""The frame and its components in Chromium, on a page that holds every one of them."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from conftest import Opener
from playwright.sync_api import Page, expect
from starlette.requests import Request
from starlette.responses import Response

from ostraka.console.access import read_form
from ostraka.console.mount import mount
from ostraka.console.pages import Pages
from ostraka.moderator import Moderator
from ostraka.server.app import create_app
from ostraka.settings import Settings

TOAST = "document.dispatchEvent(new CustomEvent('toast', { detail: %s }))"


@pytest.fixture(scope="module")
def gallery(moderator: Moderator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("gallery")), moderator)
    mount(app)
    pages = Pages(Path(__file__).parent / "templates")

    async def show(request: Request) -> Response:
        return pages.page(request, "gallery.html", here="/queue")

    async def undo(request: Request) -> Response:
        await read_form(request, 1000)
        return Response(status_code=204)

    app.add_route("/queue/gallery", show)
    app.add_route("/queue/undo", undo, methods=["POST"])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            thread.join(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def press_and_tell(page: Page) -> None:
    """Write the value of the button that was pressed onto the page."""
    page.evaluate(
        "document.addEventListener('click', (e) => { const b = e.target.closest('.act');"
        " if (b) document.getElementById('pressed').textContent = b.value; })"
    )


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_components_are_accessible_and_fit(
    gallery: str, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(gallery, "/queue/gallery", width=width, color_scheme=scheme)
    page.evaluate(TOAST % "{ message: 'Removed', undo: '/queue/undo' }")
    expect(page.locator(".toast-act")).to_be_visible()
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for opener in ("[data-opens=palette]", "[data-opens=shortcuts]", "[data-opens=sure]"):
        page.locator(opener).first.click()
        report = Axe().run(page)
        assert report.violations_count == 0, report.generate_report()
        page.keyboard.press("Escape")


def test_the_decision_bar_stays_where_it_is(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/queue/gallery", width=360, height=740)
    bar = page.locator(".decision-bar")
    before = bar.bounding_box()
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(100)
    assert bar.bounding_box() == before
    rail = page.locator(".rail").bounding_box()
    assert before and rail
    assert before["y"] + before["height"] <= rail["y"] + 1


def test_keys_press_go_and_never_fire_while_typing(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/queue/gallery")
    press_and_tell(page)
    told = page.locator("#pressed")
    page.keyboard.press("3")
    expect(told).to_have_text("remove")
    page.keyboard.press("r")
    expect(page.locator("#why")).to_be_focused()
    page.keyboard.type("1 2 4 ? m g p")
    expect(told).to_have_text("remove")
    expect(page.locator("#why")).to_have_value("1 2 4 ? m g p")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+4")
    expect(told).to_have_text("remove")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Two")).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="One")).to_be_focused()
    soft = page.locator(".softened")
    expect(soft).to_have_css("filter", "blur(5px)")
    page.keyboard.press("m")
    expect(soft).to_have_css("filter", "none")
    page.keyboard.press("?")
    page.keyboard.press("5")
    expect(told).to_have_text("remove")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/settings")


def test_the_list_of_keys_begins_at_its_top(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/queue/gallery", height=420)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_in_viewport()
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Close")).to_be_in_viewport()


def test_undo_is_a_key_and_carries_the_token(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/queue/gallery")
    page.evaluate("document.addEventListener('undone', (e) => { document.title = 'undone'; })")
    page.evaluate(TOAST % "{ message: 'Removed', undo: '/queue/undo' }")
    with page.expect_response("**/queue/undo") as answer:
        page.keyboard.press("u")
    assert answer.value.status == 204
    expect(page.locator(".toast")).to_have_text("Undone")
    expect(page).to_have_title("undone")


def test_the_palette_finds_pages_and_buttons(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/queue/gallery")
    press_and_tell(page)
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to or do")
    expect(field).to_be_focused()
    page.keyboard.type("ban good")
    expect(page.get_by_role("option").first).to_contain_text("Ban for good")
    page.keyboard.press("Enter")
    expect(page.locator("#pressed")).to_have_text("ban_permanent")
    page.keyboard.press("Control+k")
    page.keyboard.type("nothing is called so")
    expect(page.get_by_role("option")).to_have_count(1)  # to look for an item with these words
    field.fill("")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/items"))


def test_keys_can_be_changed(gallery: str, open_page: Opener) -> None:
    page = open_page(gallery, "/settings")
    page.get_by_label("Remove", exact=True).fill("2")
    page.get_by_role("button", name="Save the keys").click()
    expect(page.locator(".notice-title")).to_contain_text("cannot both have the key 2")
    page.get_by_label("Remove", exact=True).fill("x")
    page.get_by_role("button", name="Save the keys").click()
    expect(page.locator(".notice-title")).to_have_text("Saved.")
    page.goto(f"{gallery}/queue/gallery")
    press_and_tell(page)
    page.keyboard.press("x")
    expect(page.locator("#pressed")).to_have_text("remove")
    page.keyboard.press("3")
    expect(page.locator("#pressed")).to_have_text("remove")
    page.goto(f"{gallery}/settings")
    page.get_by_role("button", name="Set all back").click()
    expect(page.get_by_label("Remove", exact=True)).to_have_value("3")
