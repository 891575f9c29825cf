"""The reviewers' pages as they look: every width, both themes, empty and full, for every role."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import review_rows as rows
from conftest import Opener
from playwright.sync_api import Page, expect
from reviewers import Place, assert_good, case_of, started

from ostraka.access.exposures import note_exposure
from ostraka.console.review.exposure import NUDGE_EVERY
from ostraka.review.items import erase, find_item
from ostraka.review.new_items import NewItem

AUTHOR = "author-of-several"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Cases of every kind: doubtful, grave, overdue, reported, appealed, erased."""
    with started(tmp_path_factory.mktemp("full")) as place:
        _fill(place)
        yield place


def _fill(place: Place) -> None:
    seeds = place.seeds
    seeds.items(*rows.doubtful_items(36), age=timedelta(hours=2))
    late = NewItem(text="See http://example.com/cheap now!", external_id="late-1", author="shop")
    seeds.items(late, scores={rows.Category.SPAM: 0.6}, age=timedelta(hours=40))
    grave = NewItem(
        text="Those folks from over there should all go away. " * 3,
        external_id="grave-1",
        author="author-1",
        thread_id="thread-1",
        parent_id="post-5",
        reach=250_000,
        metadata={"board": "news"},
    )
    seeds.items(grave, scores=rows.GRAVE)
    seeds.items(NewItem(text="Nobody would notice if I was gone."), scores=rows.CRISIS)
    for number in range(3):
        clear = NewItem(
            text=f"You are a stupid fool, number {number}.",
            external_id=f"clear-{number}",
            author=AUTHOR,
        )
        seeds.items(clear, scores=rows.CLEAR, age=timedelta(days=3 - number))
    seeds.appeal("clear-0", "I was quoting. He called me a stupid fool first.")
    for reader in range(3):
        seeds.report("post-3", f"reader-{reader}", "harassment", "He is a stupid fool to us.")
    with seeds.database.writing() as session:
        item = find_item(session, None, "clear-2", lock=True)
        erase(session, item.id, "local", seeds.now)


def item_id(place: Place, external_id: str) -> str:
    with place.seeds.database.reading() as session:
        return find_item(session, None, external_id).id


def pages_of(place: Place) -> tuple[str, ...]:
    """The address of a page of each kind."""
    return (
        "/queue",
        "/queue?queue=general&severity=high",
        "/appeals",
        "/appeals?state=denied",
        "/items",
        f"/items?author={AUTHOR}&action=remove",
        "/items?search=nothing-like-it",
        f"/items/{item_id(place, 'post-3')}",
        f"/items/{item_id(place, 'clear-2')}",
        f"/items/{item_id(place, 'clear-0')}/explain",
    )


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_pages_fit_and_are_accessible(
    full: Place, open_page: Opener, width: int, scheme: str
) -> None:
    page = full.open(open_page, "lead", "/queue", width=width, color_scheme=scheme)
    for path in pages_of(full):
        page.goto(f"{full.address}{path}")
        page.wait_for_load_state("networkidle")
        assert_good(page)
    _first_case(full, page)
    page.wait_for_load_state("networkidle")
    for each in page.locator("#case details").all():
        each.evaluate("each => { each.open = true; }")
    assert_good(page)
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="Give it back").click()
    page.wait_for_url("**/queue")


def _first_case(place: Place, page: Page) -> None:
    page.goto(f"{place.address}/queue")
    page.keyboard.press("a")
    page.wait_for_url("**/cases/**")


def test_an_empty_console_says_what_will_appear(tmp_path: Path, open_page: Opener) -> None:
    with started(tmp_path) as empty:
        page = empty.open(open_page, "rita", "/queue")
        expect(page.get_by_role("heading", name="Cases will appear here")).to_be_visible()
        assert_good(page)
        page.keyboard.press("a")
        expect(page.get_by_text("Nothing waits for you")).to_be_visible()
        for path, heading in (("/items", "Items will"), ("/appeals", "Open appeals will")):
            page.goto(f"{empty.address}{path}")
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            assert_good(page)
        empty.seeds.items(*rows.doubtful_items(1))
        page.goto(f"{empty.address}/queue")
        page.keyboard.press("a")
        page.wait_for_url("**/cases/**")
        page.wait_for_timeout(300)
        page.keyboard.press("1")
        expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
        assert_good(page)
        page.keyboard.press("u")
        expect(page.locator("#case[data-case]")).to_be_visible()


def test_the_queue_says_why_each_case_is_where_it_is(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "rita", "/queue")
    lines = page.locator(".case-list tbody tr")
    expect(lines.first).to_contain_text("overdue by")
    expect(lines.first).to_contain_text("1 d to decide, less")
    expect(page.get_by_role("link", name="lead")).to_have_count(0)
    page.get_by_role("link", name="crisis").click()
    page.wait_for_url("**queue=crisis**")
    expect(lines).to_have_count(1)
    page.get_by_label("Severity").select_option("low")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="No open case fits")).to_be_visible()
    assert "severity=low" in page.url
    assert "queue=crisis" in page.url
    page.goto(f"{full.address}/queue")
    page.get_by_role("link", name="Next 30").click()
    page.wait_for_url("**after=**")
    expect(lines).not_to_have_count(0)


def test_hard_words_are_blurred_until_somebody_looks(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "rita", "/items")
    soft = page.locator(".softened", has_text="stupid").first
    blurred = "each => getComputedStyle(each).filter"
    assert "blur" in soft.evaluate(blurred)
    soft.hover()
    assert soft.evaluate(blurred) == "none"
    page.mouse.move(0, 0)
    soft.focus()
    assert soft.evaluate(blurred) == "none"
    soft.evaluate("each => each.blur()")
    page.keyboard.press("m")
    assert soft.evaluate(blurred) == "none"
    assert page.locator("main a", has_text="http://example.com").count() == 0


def test_a_case_shows_what_it_takes_to_decide(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "lead", "/queue?queue=general&severity=high")
    page.locator(".case-list a[data-row]").first.click()
    page.wait_for_url("**/cases/**")
    page.keyboard.press("a")
    expect(page.locator(".decision-bar")).to_be_visible()
    expect(page.get_by_text("Answers author-5")).to_be_visible()
    expect(page.locator("#moving-words")).not_to_be_empty(timeout=20_000)
    expect(page.locator(".score-line").first).to_contain_text("hate")
    expect(page.get_by_role("heading", name="Guidance: Hate speech")).to_be_visible()
    page.get_by_text("Guidance for every violation").click()
    expect(page.get_by_role("heading", name="Doxxing")).to_be_visible()
    page.get_by_text("rules were looked at").click()
    expect(page.locator(".path .is-matched")).to_contain_text("ambiguous")
    page.keyboard.press("?")
    for words in ("Escalate", "Go to the reason", "Skip with a reason", "Soften or show"):
        expect(page.locator("#shortcuts")).to_contain_text(words)
    page.keyboard.press("Escape")
    page.locator("[data-row]").first.focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id").startswith("next-case")
    case = case_of(page)
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="Give it back").click()
    page.wait_for_url("**/queue")
    page.goto(f"{full.address}/cases/{case}")
    expect(page.get_by_role("button", name="Claim this case")).to_be_visible()


def test_many_items_are_previewed_decided_and_undone(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "lead", "/items?author=author-6")
    page.get_by_label("Choose all on this page").check()
    chosen = page.locator("[data-choose]").count()
    bar = page.locator("[data-chosen]")
    expect(bar).to_contain_text(f"{chosen} items")
    bar.get_by_label("Action", exact=True).select_option("remove")
    bar.get_by_label("Violation", exact=True).select_option("harassment")
    page.get_by_role("button", name="Look at what would change").click()
    expect(page.get_by_role("heading", name=f"{chosen} items would change")).to_be_visible()
    expect(page.get_by_text("would be closed")).to_be_visible()
    assert_good(page)
    decide = page.get_by_role("button", name=f"Remove: {chosen} items")
    page.get_by_label("Reasons").fill("A raid.")
    decide.click()
    expect(page.get_by_text("Something changed since this preview")).to_be_visible()
    decide.click()
    expect(page.get_by_role("heading", name=f"{chosen} items decided at once")).to_be_visible()
    assert_good(page)
    item = item_id(full, "post-6")
    with full.seeds.database.reading() as session:
        assert find_item(session, item, None).action == "remove"
    page.keyboard.press("u")
    expect(page.get_by_text(f"{chosen} decisions were taken back.")).to_be_visible()
    with full.seeds.database.reading() as session:
        assert find_item(session, item, None).action == "escalate"


def test_acts_on_many_are_for_leads(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "rita", "/items")
    expect(page.locator("[data-choose]")).to_have_count(0)
    token = page.locator('meta[name="form-token"]').get_attribute("content") or ""
    sent = {"item.x": "yes", "action": "remove", "violation": "spam", "form_token": token}
    refused = page.request.post(f"{full.address}/items/bulk", form=sent)
    assert refused.status == 403


def test_names_of_reviewers_are_for_admins(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "rita", "/queue?queue=appeals")
    page.goto(f"{full.address}/appeals")
    page.get_by_role("button", name="Decide").click()
    page.wait_for_url("**/cases/**")
    case = case_of(page)
    pseudonym = full.people["rita"][0].pseudonym
    for who, name in (("ron", pseudonym), ("admin", "rita@example.org")):
        other = full.open(open_page, who, f"/cases/{case}")
        expect(other.get_by_text(f"{name} is at this case.")).to_be_visible()
    token = page.locator('meta[name="form-token"]').get_attribute("content") or ""
    page.request.post(f"{full.address}/cases/{case}/release", form={"form_token": token})


def test_whoever_saw_much_is_asked_to_pause(full: Place, open_page: Opener) -> None:
    person = full.people["ron"][0].id
    with full.seeds.database.writing() as session:
        for _ in range(NUDGE_EVERY):
            note_exposure(session, person, ["hate", "toxicity"], full.seeds.now.date())
    page = full.open(open_page, "ron", "/queue")
    expect(page.get_by_text("Time for a pause?")).to_be_visible()
    expect(page.get_by_text(f"{NUDGE_EVERY} items of the category hate")).to_be_visible()
    assert_good(page)
    other = full.open(open_page, "rita", "/queue")
    expect(other.get_by_text("Time for a pause?")).to_have_count(0)


def test_mistaken_addresses_are_told_of(full: Place, open_page: Opener) -> None:
    page = full.open(open_page, "lead", "/queue")
    for path, status, words in (
        ("/cases/case_none", 404, "There is no case"),
        ("/items/item_none", 404, "There is no item"),
        ("/queue?severity=huge", 400, "There is no severity"),
        ("/queue?after=never", 400, "no such page"),
        ("/items?action=dance", 400, "There is no action"),
        ("/items?search=***", 400, "needs words"),
        ("/items?from=noon", 400, "There is no day"),
        ("/appeals?state=lost", 400, "There is no state"),
        ("/items/bulk/bulk_none", 404, "no such act"),
    ):
        answer = page.request.get(f"{full.address}{path}")
        assert (answer.status, words in answer.text()) == (status, True), path


def test_strangers_are_sent_to_the_sign_in(full: Place) -> None:
    for path in ("/queue", "/appeals", "/items"):
        answer = httpx.get(f"{full.address}{path}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
