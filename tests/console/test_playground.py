"""The playground as people use it: in Chromium, by keyboard, at every width, in both themes."""

import re
from collections.abc import Iterator

import httpx
import pytest
from accessible import assert_accessible
from conftest import Opener
from playwright.sync_api import Page, expect
from serving import make_key, start_server

from ostraka.access.keys import Scope

RUDE = "You are a stupid idiot and everybody laughs at you."
KIND = "Thank you for your help, have a lovely day."


def text_of(page: Page):
    return page.get_by_label("Text", exact=True)


def summary_of(page: Page):
    return page.locator("[data-summary]")


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_fits_and_is_accessible(server: str, open_page: Opener, width: int, scheme: str) -> None:
    page = open_page(server, width=width, color_scheme=scheme)
    assert_accessible(page)
    assert_fits(page)
    text_of(page).fill(f"{RUDE} {'long' * 60} <b>markup</b> 😀 مرحبا")
    for vocabulary in ("everything", "perspective"):
        page.get_by_label("Show as").select_option(vocabulary)
        expect(page.locator(".score-name").first).to_have_text(re.compile("tox|insult|har", re.I))
        assert_accessible(page)
        assert_fits(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_help_and_refusal_are_accessible(server: str, open_page: Opener, scheme: str) -> None:
    page = open_page(server, width=360, color_scheme=scheme)
    text_of(page).fill("a" * 100_001)
    page.get_by_role("button", name="Score this text").click()
    expect(page.locator(".notice-title")).to_contain_text("100,001 characters")
    assert_accessible(page)
    page.get_by_role("button", name="Shortcuts").click()
    assert_accessible(page)
    assert_fits(page)


def test_updates_while_typing(server: str, open_page: Opener) -> None:
    page = open_page(server)
    expect(page.get_by_role("heading", name="Scores will appear here")).to_be_visible()
    text_of(page).press_sequentially("You are a stupid idiot")
    expect(summary_of(page)).to_contain_text("Flagged")
    expect(page.locator("[data-announcement]")).to_contain_text("Flagged")
    text_of(page).fill(KIND)
    expect(summary_of(page)).to_have_text("Not flagged")
    text_of(page).fill("")
    expect(page.get_by_role("heading", name="Scores will appear here")).to_be_visible()


def test_waits_for_the_button_when_told_to(server: str, open_page: Opener) -> None:
    page = open_page(server)
    page.get_by_label("Update while typing").uncheck()
    text_of(page).fill(RUDE)
    page.wait_for_timeout(600)
    expect(summary_of(page)).to_have_count(0)
    page.get_by_role("button", name="Score this text").click()
    expect(summary_of(page)).to_contain_text("Flagged")


def test_by_keyboard_alone(server: str, open_page: Opener) -> None:
    page = open_page(server)
    page.get_by_label("Update while typing").uncheck()
    page.keyboard.press("Escape")
    page.locator("body").evaluate("document.activeElement.blur()")
    page.keyboard.press("t")
    expect(text_of(page)).to_be_focused()
    page.keyboard.type("Is a question mark? typed, and g p too?")
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(text_of(page)).to_have_value("Is a question mark? typed, and g p too?")
    page.keyboard.press("Control+a")
    page.keyboard.type(RUDE)
    page.keyboard.press("Control+Enter")
    expect(summary_of(page)).to_contain_text("Flagged")
    second = page.locator("details.reason").nth(1)
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(second).to_have_attribute("open", "")
    page.get_by_role("radio", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#code-python")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.route("**/docs", lambda route: route.fulfill(body="reference"))
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/docs")


def test_every_control_can_be_reached_by_tab(server: str, open_page: Opener) -> None:
    page = open_page(server)
    text_of(page).fill(RUDE)
    expect(summary_of(page)).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(e => (e.id || e.textContent || e.tagName).trim())(document.activeElement)"
            )
        )
    for name in ("Skip to the content", "text", "vocabulary", "model", "Copy", "Clear", "Kind"):
        assert name in reached
    assert any(name.startswith("Score this text") for name in reached)


def test_single_keys_can_be_switched_off(server: str, open_page: Opener) -> None:
    page = open_page(server)
    page.get_by_role("button", name="Shortcuts").click()
    page.get_by_label("Use shortcuts of single keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_hidden()


def test_choices_outlive_the_next_answer(server: str, open_page: Opener) -> None:
    page = open_page(server)
    text_of(page).fill(RUDE)
    page.locator("[data-category=insult] summary").click()
    page.get_by_text("JavaScript", exact=True).click()
    text_of(page).fill(f"{RUDE} Really.")
    expect(page.locator("#code-javascript")).to_contain_text("Really.")
    expect(page.locator("#code-javascript")).to_be_visible()
    expect(page.locator("[data-category=insult]")).to_have_attribute("open", "")


def test_words_that_mattered_are_underlined_and_listed(server: str, open_page: Opener) -> None:
    page = open_page(server)
    text_of(page).fill(RUDE)
    reason = page.locator("[data-category=insult]")
    reason.evaluate("each => { each.open = true; }")
    expect(reason.locator("mark.raises", has_text="idiot")).to_be_visible()
    expect(reason.get_by_role("row", name=re.compile("idiot raises it"))).to_be_visible()
    assert reason.locator(".marked").inner_text() == RUDE


def test_markup_is_shown_and_never_run(server: str, open_page: Opener) -> None:
    page = open_page(server)
    awkward = '<img src=x onerror="alert(1)"> idiot </textarea><script>alert(1)</script>'
    text_of(page).fill(awkward)
    expect(page.locator("details .marked").first).to_have_text(awkward)
    expect(text_of(page)).to_have_value(awkward)
    assert page.locator("main img").count() == 0


def test_copies_the_call(server: str, open_page: Opener) -> None:
    page = open_page(server, permissions=["clipboard-read", "clipboard-write"])
    text_of(page).fill(KIND)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert KIND in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Copy the pinned name").click()
    page.wait_for_function(
        "async () => (await navigator.clipboard.readText()).includes('@sha256:')"
    )


def test_theme_is_switched_and_remembered(server: str, open_page: Opener) -> None:
    page = open_page(server, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    switch = page.locator("[data-theme-switch]")
    switch.click()
    expect(switch).to_have_text("Theme: light")
    switch.click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    switch.click()
    assert page.evaluate(background) == light


def test_what_is_typed_goes_nowhere_else(server: str, open_page: Opener) -> None:
    page = open_page(server)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    text_of(page).fill("an unmistakable sentence")
    expect(summary_of(page)).to_be_visible()
    assert not any("unmistakable" in address for address in addresses)
    assert "unmistakable" not in page.url
    kept = "JSON.stringify([localStorage, sessionStorage, document.cookie])"
    assert "unmistakable" not in page.evaluate(kept)


def test_without_javascript(server: str, open_page: Opener) -> None:
    page = open_page(server, width=360, java_script_enabled=False)
    for hidden in ("Clear", "Copy", "Shortcuts"):
        expect(page.get_by_role("button", name=hidden)).to_have_count(0)
    text_of(page).fill(RUDE)
    page.get_by_label("Show as").select_option("perspective")
    page.get_by_role("button", name="Score this text").click()
    expect(summary_of(page)).to_contain_text("TOXICITY")
    expect(text_of(page)).to_have_value(RUDE)
    expect(page.get_by_label("Show as")).to_have_value("perspective")
    expect(page.locator("mark").first).to_be_visible()
    page.get_by_text("Python", exact=True).click()
    expect(page.locator("#code-python")).to_be_visible()
    page.get_by_role("button", name="Kind", exact=True).click()
    expect(summary_of(page)).to_have_text("Not flagged")
    assert page.url.endswith("/playground/score")


def test_a_busy_server_keeps_the_text(busy_server: str, open_page: Opener) -> None:
    page = open_page(busy_server)
    text_of(page).fill(RUDE)
    expect(page.locator(".notice-title")).to_have_text("The server is busy.")
    expect(page.locator(".score-row")).to_have_count(0)
    expect(text_of(page)).to_have_value(RUDE)


def test_a_server_that_is_gone_is_said(server: str, open_page: Opener) -> None:
    page = open_page(server)
    page.route("**/playground/score", lambda route: route.fulfill(status=503, body="gone"))
    text_of(page).fill(KIND)
    expect(page.locator(".notice-title")).to_have_text("The server answered with status 503.")
    expect(text_of(page)).to_have_value(KIND)


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server that requires a key, and a key that it takes."""
    folder = tmp_path_factory.mktemp("locked")
    _, secret = make_key(f"sqlite:///{folder / 'ostraka.db'}", Scope.MODERATE)
    process, address = start_server(folder, data_dir=str(folder), keys_required="true")
    yield address, secret
    process.terminate()
    process.wait(20)


def test_a_key_is_asked_for_and_kept_in_the_tab_only(
    locked_server: tuple[str, str], open_page: Opener
) -> None:
    address, secret = locked_server
    page = open_page(address)
    text_of(page).fill(RUDE)
    expect(page.locator("[data-outcome] .notice-title")).to_have_text(
        "This server asks for an API key."
    )
    page.get_by_label("API key").fill(f"{secret[:-4]}oops")
    page.get_by_role("button", name="Score this text").click()
    expect(page.locator("[data-outcome] .notice-title")).to_contain_text(
        "does not accept this API key"
    )
    page.get_by_label("API key").fill(secret)
    page.get_by_label("API key").press("Enter")
    expect(summary_of(page)).to_contain_text("Flagged")
    expect(page.locator("#code-curl")).to_contain_text("Bearer $OSTRAKA_API_KEY")
    assert secret not in page.content()
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    expect(page.get_by_label("API key")).to_have_value(secret)
    assert_accessible(page)


def test_a_plain_form_is_told_that_it_needs_javascript(
    locked_server: tuple[str, str], open_page: Opener
) -> None:
    page = open_page(locked_server[0], java_script_enabled=False)
    expect(page.get_by_text("A form without JavaScript cannot send one")).to_be_visible()


def test_scores_are_behind_the_gate(locked_server: tuple[str, str]) -> None:
    address, secret = locked_server
    target = f"{address}/playground/score"
    assert httpx.post(target, data={"text": RUDE}).status_code == 401
    headers = {"authorization": f"Bearer {secret}"}
    assert httpx.post(target, data={"text": RUDE}, headers=headers).status_code == 200
    assert httpx.get(f"{address}/playground").status_code == 303
