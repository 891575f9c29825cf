"""The practice pages in real Chromium: a task played by keyboard, then agents beside it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from accessible import assert_accessible
from conftest import Opener
from playwright.sync_api import Page, expect
from serving import start_server

from ostraka.console.practice.plays import outcome_of, practice_of
from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate
from ostraka.environment.running import play_episode
from ostraka.environment.zoo import constants
from ostraka.errors import CallerError
from ostraka.moderator import Moderator

UNREAD = 300
"""Milliseconds for which a page takes no key after a post has come."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, address = start_server(tmp_path_factory.mktemp("practice"))
    yield address
    process.terminate()
    assert process.wait(20) == 0


def assert_good(page: Page) -> None:
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def press(page: Page, key: str, answered: int) -> None:
    """Press a key on the post that has come; another one comes."""
    page.wait_for_timeout(UNREAD)
    page.keyboard.press(key)
    page.wait_for_selector(f"#case[data-case$='-{answered}'], .practice-lines")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_pages_fit_and_are_accessible(
    service: str, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(service, "/practice", width=width, color_scheme=scheme)
    assert_good(page)
    page.goto(f"{service}/practice/task_queue?seed=3")
    assert_good(page)
    page.goto(f"{service}/practice/task_easy?seed=3")
    for number in range(1, 9):
        press(page, "3", number)
    expect(page.get_by_role("heading", name="How it went")).to_be_focused()
    assert_good(page)


def test_a_task_is_played_by_keyboard(service: str, open_page: Opener) -> None:
    page = open_page(service, "/practice")
    page.get_by_label("Seed").first.fill("8")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.wait_for_url("**/practice/task_easy?seed=8")
    items = generate("task_easy", "train", 8).items
    expect(page.locator(".item-text")).to_have_text(items[0].draft.text)
    # A first decision is wrong and taken back; then everything is decided rightly.
    press(page, "3" if items[0].action == "approve" else "1", 1)
    press(page, "u", 0)
    for number, item in enumerate(items, start=1):
        page.wait_for_timeout(UNREAD)
        if item.action != "approve":
            page.keyboard.press("v")
            page.locator("#violation").select_option(item.violation.value)
            page.keyboard.press("Escape")
        press(page, "1" if item.action == "approve" else "3", number)
    yours = page.get_by_role("row", name=re.compile("^You"))
    expect(yours).to_contain_text("1.00")
    expect(yours).to_contain_text("8 of 8")
    for name in ("Policy", "Cascade", "Always the same answer, at best", "All that can be had"):
        expect(page.get_by_role("row", name=re.compile(f"^{name}")).first).to_be_visible()
    page.keyboard.press("a")
    page.wait_for_url("**/practice/task_easy?seed=9")


def test_a_shift_hides_what_is_not_looked_up(service: str, open_page: Opener) -> None:
    page = open_page(service, "/practice/task_queue?seed=3")
    expect(page.get_by_role("heading", name="90 minutes left")).to_be_visible()
    expect(page.get_by_text("The record was not looked up.")).to_be_visible()
    press(page, "w", 1)
    expect(page.get_by_role("heading", name="89 minutes left")).to_be_visible()
    expect(page.get_by_text("The record was not looked up.")).to_have_count(0)
    expect(page.get_by_role("button", name="Look up the author")).to_have_count(0)
    first = page.locator(".item-text").inner_text()
    press(page, "s", 2)
    assert page.locator(".item-text").inner_text() != first


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/practice/task_none?seed=1", 400),
        ("/practice/task_easy?seed=-1", 400),
        ("/practice/task_easy", 400),
    ],
)
def test_what_is_no_task_is_said(service: str, path: str, status: int) -> None:
    answer = httpx.get(f"{service}{path}")
    assert answer.status_code == status
    assert "<main" in answer.text


@pytest.mark.parametrize(
    "answers", ["{", "5", '[["approve"]]', "[[1, 2]]", json.dumps([["approve", "none"]] * 9)]
)
def test_answers_that_are_none_are_refused(answers: str) -> None:
    with pytest.raises(CallerError):
        practice_of("task_easy", "1", answers)


def test_everybody_is_judged_by_the_same_rewards(moderator: Moderator) -> None:
    answers = [["remove", "spam"]] * 12
    practice = practice_of("task_hard", "42", json.dumps(answers))
    outcome = outcome_of(practice, moderator)
    agent = constants(practice.play.episode.task)["remove/spam"]
    by_name = {each.name: each for each in outcome.standings}
    assert by_name["You"].score == play_episode(agent, "task_hard", 42).score
    assert by_name["All that can be had"].score == 1.0
    for line in outcome.lines:
        assert line.choices.keys() == {"You", "Policy", "Cascade"}


def test_a_page_tells_nothing_that_is_hidden(service: str, tmp_path: Path) -> None:
    item = generate("task_hard", "train", 42).items[0]
    page = httpx.get(f"{service}/practice/task_hard?seed=42").text
    assert Environment().reset("task_hard", seed=42)["content"].split()[0] in page
    assert item.rule not in page and item.draft.family not in page
