"""A reviewer's day in real Chromium: cases by keyboard, undo, appeals, lost claims."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import review_rows as rows
from conftest import Opener
from playwright.sync_api import Page, expect
from reviewers import Place, assert_good, case_of, press_on, started
from sqlalchemy import select, update

from ostraka.access.tables import SessionRow
from ostraka.review.cases import Placement, open_case, open_cases_of, withdraw
from ostraka.review.new_items import NewItem
from ostraka.review.tables import CaseRow, DecisionRow, ItemRow, StrikeRow
from ostraka.review.urgency import Pressure
from ostraka.work.tables import WorkRow

OWN = "rita@example.org"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(tmp_path_factory.mktemp("reviewing")) as place:
        yield place


@pytest.fixture
def cases(place: Place) -> Iterator[Place]:
    """Thirty new cases; whatever a test leaves open is withdrawn."""
    place.seeds.items(*rows.doubtful_items(30, start=_next_number()))
    yield place
    with place.seeds.database.writing() as session:
        wanted = select(CaseRow).where(CaseRow.state == "open")
        for case in session.scalars(wanted):
            withdraw(session, case, place.seeds.now)


def _next_number() -> int:
    _next_number.count = getattr(_next_number, "count", -30) + 30  # type: ignore[attr-defined]
    return int(_next_number.count)  # type: ignore[attr-defined]


def decisions_of(place: Place, who: str) -> list[DecisionRow]:
    with place.seeds.database.reading() as session:
        wanted = select(DecisionRow).where(DecisionRow.reviewer_id == place.people[who][0].id)
        return list(session.scalars(wanted.order_by(DecisionRow.id)))


def start(page: Page) -> str:
    """Begin to review by keyboard; returns the first case."""
    page.keyboard.press("a")
    page.wait_for_url("**/cases/**")
    return case_of(page)


def test_twenty_cases_by_keyboard_alone_and_one_undone(cases: Place, open_page: Opener) -> None:
    before = len(decisions_of(cases, "rita"))
    page = cases.open(open_page, "rita", "/queue")
    first = start(page)
    page.evaluate("window.stays = true")
    seen = [first]
    for turn in range(19):
        if turn == 3:  # a reason, typed: keys mean letters there
            page.keyboard.press("r")
            page.keyboard.type("Rude 123, but about the argument.")
            page.keyboard.press("Escape")
        seen.append(press_on(page, "123"[turn % 3]))
    assert len(set(seen)) == 20
    press_on(page, "1")
    page.keyboard.press("u")
    expect(page.locator(f'#case[data-case="{seen[-1]}"]')).to_be_visible()
    expect(page.get_by_text("Undone. The case is yours again.")).to_be_visible()
    press_on(page, "3")
    assert page.evaluate("window.stays"), "a page was loaded between two cases"

    made = decisions_of(cases, "rita")[before:]
    assert [each.case_id for each in made if each.reverses is None] == [*seen, seen[-1]]
    assert [each.reverses for each in made if each.reverses] == [made[19].id]
    assert (made[-1].action, made[-1].violation) == ("remove", "harassment")
    assert made[3].reasons == "Rude 123, but about the argument."
    approved = [each for each in made if each.action == "approve"]
    assert {each.violation for each in approved} == {"none"}
    with cases.seeds.database.reading() as session:
        item = session.get_one(ItemRow, made[-1].item_id)
        assert item.action == "remove"


def test_the_toast_undoes_too(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue", width=360)
    first = start(page)
    press_on(page, "2")
    expect(page.locator(".toast")).to_contain_text("Warned.")
    page.get_by_role("button", name="Undo u").click()
    expect(page.locator(f'#case[data-case="{first}"]')).to_be_visible()
    assert page.url.split("?")[0].endswith(first)


def test_an_appeal_is_decided_by_a_second_person(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    case_id = start(page)
    press_on(page, "3")
    page.goto(f"{cases.address}/queue")
    with cases.seeds.database.reading() as session:
        item = session.get_one(ItemRow, session.get_one(CaseRow, case_id).item_id)
    appeal = cases.seeds.appeal(item.external_id or "", "I was quoting what he said to me.")

    page.goto(f"{cases.address}/appeals")
    line = page.locator(".appeal-line", has_text="I was quoting")
    expect(line).to_contain_text("By You")
    expect(line).to_contain_text("You decided on this item before")
    expect(line.get_by_role("button")).to_have_count(0)
    page.goto(f"{cases.address}/cases/{appeal}")
    expect(page.get_by_text("You decided on this item before")).to_be_visible()
    expect(page.locator(".decision-bar")).to_have_count(0)
    refused = page.request.post(
        f"{cases.address}/cases/{appeal}/decide",
        form={"action": "approve", "violation": "none", "form_token": _token(page)},
    )
    assert refused.status == 409
    assert "not for you to decide" in refused.text()

    second = cases.open(open_page, "ron", "/appeals")
    line = second.locator(".appeal-line", has_text="I was quoting")
    expect(line).not_to_contain_text("rita@example.org")
    line.get_by_role("button", name=re.compile("Decide")).click()
    second.wait_for_url(f"**/cases/{appeal}")
    expect(second.get_by_role("button", name="Deny: it stays")).to_be_visible()
    expect(second.get_by_text("What was decided before")).to_be_visible()
    assert_good(second)
    press_on(second, "1")
    second.goto(f"{cases.address}/appeals?state=granted")
    expect(second.locator(".appeal-line", has_text="I was quoting")).to_contain_text("by You")
    with cases.seeds.database.reading() as session:
        assert session.get_one(ItemRow, item.id).action == "approve"


def test_what_is_typed_survives_a_claim_that_is_lost(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    case_id = start(page)
    page.get_by_label("Reasons").fill("A reason that took a while to write.")
    _give_to_somebody_else(cases, case_id)
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    expect(page.get_by_text("You no longer hold this case.")).to_be_visible()
    expect(page.get_by_label("Reasons")).to_have_value("A reason that took a while to write.")
    assert case_of(page) == case_id
    assert_good(page)
    beat = page.request.post(
        f"{cases.address}/cases/{case_id}/heartbeat", form={"form_token": _token(page)}
    )
    assert "You no longer hold this case." in beat.text()


def _give_to_somebody_else(place: Place, case_id: str) -> None:
    """As when a claim ran out, and another reviewer was quicker."""
    other = place.people["ron"][0].id
    with place.seeds.database.writing() as session:
        session.execute(
            update(WorkRow)
            .where(WorkRow.subject == case_id, WorkRow.state == "leased")
            .values(worker=other, token=WorkRow.token + 1)
        )


def test_a_session_that_ended_loses_nothing_typed(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "ron", "/queue")
    case_id = start(page)
    page.get_by_label("Reasons").fill("Written before the session ended.")
    person = cases.people["ron"][0].id
    with cases.seeds.database.writing() as session:
        ending = update(SessionRow).where(SessionRow.person_id == person)
        session.execute(ending.values(revoked_at=cases.seeds.now))
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    expect(page.locator(".toast")).to_contain_text("You are signed out. Nothing was changed.")
    with cases.seeds.database.writing() as session:
        session.execute(ending.values(revoked_at=None))
    page.reload()
    expect(page.get_by_label("Reasons")).to_have_value("Written before the session ended.")
    press_on(page, "3")
    assert decisions_of(cases, "ron")[-1].reasons == "Written before the session ended."
    assert decisions_of(cases, "ron")[-1].case_id == case_id


def test_a_decision_that_is_sent_twice_counts_once(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    case_id = start(page)
    form = {
        "action": "warn",
        "violation": "harassment",
        "reasons": "",
        "key": page.locator("#decision [name=key]").input_value(),
        "form_token": _token(page),
    }
    address = f"{cases.address}/cases/{case_id}/decide"
    landed = {page.request.post(address, form=form).url for _ in range(2)}
    assert len([each for each in decisions_of(cases, "rita") if each.case_id == case_id]) == 1
    assert len(landed) == 1, "the second answer leads to the same next case"
    other = page.request.post(address, form=form | {"action": "remove"})
    assert other.status == 409
    assert "with another decision" in other.text()


def test_refusals_name_what_is_missing(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    case_id = start(page)
    page.get_by_label("Violation").select_option("none")
    page.get_by_label("Violation").blur()
    page.keyboard.press("3")
    expect(page.locator("#case-notice")).to_contain_text("needs the violation that it is for")
    page.keyboard.press("v")
    expect(page.get_by_label("Violation")).to_be_focused()
    page.get_by_label("Violation").select_option("harassment")
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    expect(page.locator("#case-notice")).to_contain_text("wants reasons")
    assert case_of(page) == case_id


def test_a_case_is_skipped_with_a_reason_and_escalated(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    first = start(page)
    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Skip this case")).to_be_visible()
    assert_good(page)
    page.keyboard.type("I know these people.")
    page.keyboard.press("Enter")
    expect(page.locator(f'#case:not([data-case="{first}"])')).to_be_visible()
    second = case_of(page)
    press_on(page, "e")
    with cases.seeds.database.reading() as session:
        assert session.get_one(CaseRow, second).queue == "lead"
    page.goto(f"{cases.address}/cases/{first}")
    expect(page.get_by_text("You skipped this case")).to_be_visible()
    page.goto(f"{cases.address}/cases/{second}")
    expect(page.locator(".decision-bar")).to_have_count(0)
    lead = cases.open(open_page, "lead", f"/cases/{second}")
    lead.keyboard.press("a")
    expect(lead.locator(".decision-bar")).to_be_visible()
    expect(lead.get_by_role("button", name="Escalate")).to_have_count(0)


def test_nobody_gets_what_they_wrote(place: Place, open_page: Opener) -> None:
    mine = NewItem(text="You silly idiot, all of you.", external_id="own-1", author=OWN)
    [answer] = place.seeds.items(mine)
    case_id = answer["case_id"]
    page = place.open(open_page, "rita", "/queue")
    expect(page.locator(f'a[href*="{case_id}"]')).to_have_count(0)
    page.keyboard.press("a")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    page.goto(f"{place.address}/cases/{case_id}")
    expect(page.get_by_text("You wrote this item, so somebody else decides.")).to_be_visible()
    with place.seeds.database.writing() as session:
        for case in open_cases_of(session, session.get_one(CaseRow, case_id).item_id):
            withdraw(session, case, place.seeds.now)


def test_a_blind_case_gives_nothing_away(cases: Place, open_page: Opener) -> None:
    page = cases.open(open_page, "rita", "/queue")
    first = start(page)
    press_on(page, "3")
    with cases.seeds.database.writing() as session:
        origin = session.get_one(CaseRow, first)
        item = session.get_one(ItemRow, origin.item_id)
        soon = Placement("general", timedelta(minutes=1), origin.why, Pressure("low"))
        blind = open_case(
            session,
            item_id=item.id,
            verdict_id=origin.verdict_id,
            kind="second_review",
            placement=soon,
            now=cases.seeds.now,
            origin_id=origin.id,
            barred=[cases.people["rita"][0].id],
        ).id
        others = session.scalars(
            select(StrikeRow).where(
                StrikeRow.author_id == item.author_id, StrikeRow.item_id != item.id
            )
        ).all()
        item_id, prior = item.id, len(others)
    second = cases.open(open_page, "ron", "/queue")
    assert start(second) == blind
    expect(second.get_by_role("heading", name="Case in general")).to_be_visible()
    expect(second.get_by_text("What was decided before")).to_have_count(0)
    expect(second.locator(".prior li")).to_have_count(min(prior, 8))
    second.goto(f"{cases.address}/items/{item_id}")
    expect(second.get_by_text("You have a case about this item.")).to_be_visible()
    expect(second.get_by_role("heading", name="Decisions")).to_have_count(0)
    second.goto(f"{cases.address}/cases/{blind}")
    press_on(second, "1")
    second.goto(f"{cases.address}/items/{item_id}")
    expect(second.get_by_text("an opinion that does not act by itself")).to_be_visible()
    with cases.seeds.database.reading() as session:
        assert session.get_one(ItemRow, item_id).action == "remove"


def _token(page: Page) -> str:
    return page.locator('meta[name="form-token"]').get_attribute("content") or ""
