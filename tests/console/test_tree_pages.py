"""The pages of trees in real Chromium: contributors from prompt to ranking, moderators."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Opener
from playwright.sync_api import Page, expect
from reviewers import Place, assert_good, started
from sqlalchemy import update
from tree_rows import ANSWERS, PROMPT, Grove
from tree_steps import SMALL, bring_to_ranking, take

from ostraka.console.trees.languages import LANGUAGES
from ostraka.trees.acts import put_mark
from ostraka.trees.configuration import parse_configuration
from ostraka.trees.selection import TaskType
from ostraka.trees.states import Event, State
from ostraka.trees.tables import TreeTaskRow
from ostraka.trees.values import RED_FLAG, Mark


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server whose trees are small: a prompt and two replies, one review and one ranking each."""
    folder = tmp_path_factory.mktemp("trees")
    (folder / "trees.toml").write_text(SMALL)
    with started(folder, trees_configuration=str(folder / "trees.toml")) as place:
        yield place


@pytest.fixture(scope="module")
def grove(place: Place) -> Grove:
    return Grove(place.seeds.database, parse_configuration(SMALL))


CODES = iter([code for code in LANGUAGES if code != "en"])


def language_of_its_own() -> str:
    """A language that no other test has trees in."""
    return next(CODES)


def test_two_accounts_bring_a_prompt_to_its_ranking(place: Place, open_page: Opener) -> None:
    bring_to_ranking(place, open_page, language_of_its_own())


def ranking(place: Place, grove: Grove, open_page: Opener, **options: object) -> Page:
    """A page on which Rita ranks two replies, and the tree that they are in."""
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    grove.review(tree, tree, times=1)
    for kind in (TaskType.ASSISTANT_REPLY, TaskType.LABEL_ASSISTANT_REPLY):
        for number in (2, 3):
            assert grove.do(grove.bot(number), kind, language)
    assert grove.store.read(tree).state is State.RANKING
    page = place.open(open_page, "rita", f"/trees?language={language}", **options)
    take(page, TaskType.RANK_ASSISTANT_REPLIES)
    page.tree = tree  # type: ignore[attr-defined]
    return page


def order(page: Page) -> list[str]:
    return [card.get_attribute("data-card") or "" for card in page.locator("[data-card]").all()]


def test_replies_are_dragged_tied_and_kept(place: Place, grove: Grove, open_page: Opener) -> None:
    page = ranking(place, grove, open_page)
    assert order(page) == ["A", "B"]
    page.get_by_role("button", name="Send ranking").click()  # nobody has looked at it yet
    assert grove.store.read(page.tree).state is State.RANKING  # type: ignore[attr-defined]

    handle = page.locator('[data-card="B"] [data-handle]')
    handle.scroll_into_view_if_needed()
    at, to = handle.bounding_box(), page.locator('[data-card="A"]').bounding_box()
    assert at and to
    page.mouse.move(at["x"] + 20, at["y"] + 20)
    page.mouse.down()
    page.mouse.move(at["x"] + 20, to["y"] + 4, steps=8)
    page.mouse.up()
    assert order(page) == ["B", "A"]
    page.locator('[data-card="A"] [data-tie]').click()
    expect(page.locator('[data-card="A"] [data-place-name]')).to_have_text("1=")
    page.reload()
    assert order(page) == ["B", "A"]
    expect(page.locator('[data-card="A"] [data-place-name]')).to_have_text("1=")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Send ranking").click()
    expect(page.locator(".toast")).to_contain_text("Your ranking counts.")
    [vote] = grove.store.read(page.tree).votes  # type: ignore[attr-defined]
    assert [len(tier) for tier in vote.tiers] == [2]
    assert not vote.not_rankable


def test_none_is_good_orders_nothing(place: Place, grove: Grove, open_page: Opener) -> None:
    page = ranking(place, grove, open_page, width=360, color_scheme="dark")
    assert_good(page)
    page.keyboard.press("0")
    expect(page.get_by_label("None of them is good")).to_be_checked()
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Send ranking").click()
    expect(page.locator(".toast")).to_contain_text("Your ranking counts.")
    tree = grove.store.read(page.tree)  # type: ignore[attr-defined]
    assert tree.votes[0].not_rankable
    assert all(message.rank is None for message in tree.messages.values())


def test_ranking_without_javascript(place: Place, grove: Grove, open_page: Opener) -> None:
    page = ranking(place, grove, open_page, java_script_enabled=False)
    places = page.locator("select[data-place-of]")
    places.nth(0).select_option("2")
    places.nth(1).select_option("1")
    shown = page.locator(".ranked-card .speech-text").all_inner_texts()
    page.get_by_role("button", name="Send ranking").click()
    page.wait_for_url("**/trees?**")
    tree = grove.store.read(page.tree)  # type: ignore[attr-defined]
    assert [tree.messages[name].text for (name,) in tree.votes[0].tiers] == shown[::-1]


def test_what_would_be_refused_is_told_before_it_is_sent(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    grove.prompt(grove.person(place.people["ron"][0]), "A text that I sent before.", language)
    page = place.open(open_page, "ron", f"/trees?language={language}")
    take(page, TaskType.INITIAL_PROMPT)
    field = page.get_by_label("Your prompt")
    field.fill("A text that I sent before.")
    expect(page.locator("#text-problem")).to_contain_text("exactly this text")
    page.get_by_role("button", name="Send prompt").click()
    expect(page.locator("#task-notice")).to_contain_text("You sent exactly this text")
    expect(field).to_have_value("A text that I sent before.")
    field.fill("x" * 2001)
    expect(page.locator("[data-counter]")).to_have_text("1 over 2,000")
    page.get_by_role("button", name="Send prompt").click()
    expect(field).to_have_value("x" * 2001)
    assert page.url.split("?")[0].endswith(page.locator("#task").get_attribute("data-task") or "-")


def test_a_skip_has_a_reason_and_is_taken_back(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    page = place.open(open_page, "rita", f"/trees?language={language}")
    take(page, TaskType.LABEL_INITIAL_PROMPT)
    page.keyboard.press("s")
    page.get_by_label("Reason").first.fill("Too long for today.")
    page.get_by_role("button", name="Skip and go on").click()
    expect(page.locator(".toast")).to_contain_text("Skipped.")
    expect(page.get_by_text("you have skipped it before")).to_be_visible()
    log = place.open(open_page, "lead", f"/trees/all/{tree}")
    log.get_by_text("Every act").click()
    expect(log.locator(".log").last).to_contain_text("Too long for today.")
    page.keyboard.press("u")
    page.wait_for_url(re.compile("/trees/tasks/"))
    expect(page.locator(".conversation")).to_contain_text("basil")


def test_a_lease_is_shown_renewed_and_its_loss_told(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    page = place.open(open_page, "ron", f"/trees?language={language}")
    take(page, TaskType.LABEL_INITIAL_PROMPT)
    expect(page.locator("#lease")).to_contain_text(re.compile(r"Yours for (29|30) min"))
    before = page.locator("#lease").get_attribute("data-until") or ""
    page.get_by_role("button", name="Keep it longer").click()
    expect(page.locator(f'#lease:not([data-until="{before}"])')).to_be_visible()
    page.locator('[name="label.spam"][value="no"]').check(force=True)
    grove.store.let_happen(tree, Event.HALT, "somebody", grove.now)
    page.get_by_role("button", name="Send review").click()
    expect(page.locator("#task-notice")).to_contain_text("was stopped or changed meanwhile.")
    expect(page.locator('[name="label.spam"][value="no"]')).to_be_checked()
    page.get_by_role("button", name="Keep it longer").click()
    expect(page.locator("#lease")).to_contain_text("was stopped or changed meanwhile.")
    assert_good(page)
    page.reload()
    expect(page.get_by_text("That conversation was stopped or changed.")).to_be_visible()


def test_what_was_written_after_the_time_ran_out_still_counts(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    page = place.open(open_page, "ron", f"/trees?language={language}")
    take(page, TaskType.LABEL_INITIAL_PROMPT)
    page.locator('[name="label.spam"][value="no"]').check(force=True)
    with place.seeds.database.writing() as session:
        due = update(TreeTaskRow).where(TreeTaskRow.tree_id == tree)
        session.execute(due.values(expires_at=grove.now))
    assert grove.store.expire(grove.now) == 1
    page.get_by_role("button", name="Send review").click()
    expect(page.locator(".toast")).to_contain_text("Your review counts.")
    assert grove.store.read(tree).root.accepted


def test_a_moderator_sees_a_tree_and_acts_on_it(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    grove.review(tree, tree, times=1)
    for kind in (TaskType.ASSISTANT_REPLY, TaskType.LABEL_ASSISTANT_REPLY):
        for number in (2, 3):
            grove.do(grove.bot(number), kind, language)
    grove.do(grove.bot(4), TaskType.RANK_ASSISTANT_REPLIES, language)
    page = place.open(open_page, "lead", f"/trees/all?language={language}&state=ready_for_export")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{tree}")
    expect(page.locator(".under-title").first).to_contain_text("Finished")
    expect(page.locator(".ranking")).to_contain_text("1 of 1 rankings")
    expect(page.locator(".node")).to_have_count(3)
    assert_good(page)

    first = page.locator(".node .node").first
    message = first.get_attribute("id")
    card = page.locator(f'[id="{message}"] > .node-card')
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Delete").click()
    expect(page.locator(".toast")).to_contain_text("Deleted")
    expect(card).to_contain_text("Deleted")
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Undelete").click()
    expect(card.locator(".node-head")).to_contain_text("Accepted")
    card.get_by_text("Change").click()
    card.get_by_label("Text").fill("Another text, as good as the first.")
    card.get_by_role("button", name="Save this text").click()
    expect(page.locator(".under-title").first).to_contain_text("Growing")
    expect(card).to_contain_text("0 of 1 reviews")
    page.get_by_role("button", name="Halt").click()
    expect(page.locator(".under-title").first).to_contain_text("Halted")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".under-title").first).to_contain_text("Growing")
    expect(page.locator(".log").first).to_contain_text("You edited a message")


def test_the_list_of_trees_holds_its_filters_in_the_address(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    flagged = grove.prompt(grove.bot(1), "Something with 100 % of the words to look for", language)
    grove.prompt(grove.bot(2), "Something else, with 1000 words", language)
    mark = Mark(grove.bot(3), RED_FLAG)
    grove.store.change(flagged, lambda tree: put_mark(tree, flagged, mark), "x", "mark", grove.now)
    page = place.open(open_page, "admin", f"/trees/all?language={language}")
    expect(page.locator("[data-row]")).to_have_count(2)
    page.keyboard.press("f")
    page.keyboard.type("100 %")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=100**")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.goto(f"{place.address}/trees/all?language={language}&marked=flagged")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_role("link", name="Crowd 1").click()
    expect(page.get_by_text("By Crowd 1")).to_be_visible()
    assert_good(page)
    page.get_by_role("link", name="What they did").click()
    page.get_by_role("link", name="Look at what withdrawing changes").click()
    expect(page.locator(".notice")).to_contain_text("would be withdrawn")
    assert_good(page)
    page.goto(f"{place.address}/trees/all?state=nowhere")
    expect(page.get_by_text("There is no state “nowhere”.")).to_be_visible()


def test_only_those_who_moderate_see_all_trees(place: Place, open_page: Opener) -> None:
    page = place.open(open_page, "rita", "/trees")
    expect(page.get_by_role("link", name="All trees")).to_have_count(0)
    assert page.goto(f"{place.address}/trees/all").status == 403  # type: ignore[union-attr]


def test_profile_board_and_own_data(
    place: Place, grove: Grove, open_page: Opener, tmp_path: Path
) -> None:
    language = language_of_its_own()
    ron = grove.person(place.people["ron"][0])
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    grove.review(tree, tree, times=1)
    assert grove.do(ron, TaskType.ASSISTANT_REPLY, language)
    page = place.open(open_page, "ron", "/trees/leaderboard?frame=day")
    expect(page.locator("tr.is-reader")).to_contain_text("you")
    assert_good(page)
    page.goto(f"{place.address}/trees/profile")
    assert_good(page)
    page.get_by_label("Show me on the leaderboard").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.goto(f"{place.address}/trees/leaderboard?frame=day")
    expect(page.locator("tr.is-reader")).to_have_count(0)
    page.goto(f"{place.address}/trees/profile")
    with page.expect_download() as started_download:
        page.get_by_role("link", name="Download your data").click()
    data = json.loads(Path(started_download.value.path()).read_text())
    assert any(each["text"].startswith(ANSWERS) for each in data["messages"])
    assert data["profile"]["show_on_leaderboard"] is False
    assert grove.bot(1) not in json.dumps(data)


@pytest.mark.parametrize("path", ["/trees", "/trees/mine", "/trees/leaderboard", "/trees/profile"])
def test_pages_fit_and_are_accessible(place: Place, open_page: Opener, path: str) -> None:
    assert_good(place.open(open_page, "rita", path, width=360))
    assert_good(place.open(open_page, "lead", path, width=1440, color_scheme="dark"))


def test_a_report_reaches_the_moderator_and_the_task_stays(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    language = language_of_its_own()
    tree = grove.prompt(grove.bot(1), PROMPT, language)
    page = place.open(open_page, "ron", f"/trees?language={language}")
    take(page, TaskType.LABEL_INITIAL_PROMPT)
    page.get_by_role("button", name="Report").click()
    page.locator("#report").get_by_label("It is spam").check()
    page.locator("#report").get_by_label("What the moderator should know").fill("An advert.")
    page.get_by_role("button", name="Report it").click()
    expect(page.locator("#task-notice")).to_contain_text("A moderator looks at it.")
    page.keyboard.press("s")
    page.get_by_role("button", name="Give it back for now, and stop").click()
    page.wait_for_url(f"**/trees?language={language}")
    ron = grove.person(place.people["ron"][0])
    assert tree not in [each.tree_id for each in grove.assignment.open_tasks(ron, grove.now)]

    lead = place.open(open_page, "lead", f"/trees/all/{tree}")
    expect(lead.locator(".node-head")).to_contain_text("1 red flag")
    lead.get_by_text("1 report", exact=True).click()
    expect(lead.locator(".report-list")).to_contain_text("An advert.")
    assert_good(lead)
    lead.get_by_text("Change", exact=True).click()
    lead.get_by_role("button", name="Let the flags pass").click()
    expect(lead.locator(".toast")).to_contain_text("count no longer")
    expect(lead.locator(".node-head")).not_to_contain_text("red flag")


def test_terms_are_accepted_before_the_first_task(tmp_path: Path, open_page: Opener) -> None:
    with started(tmp_path, trees_terms_required="true") as place:
        page = place.open(open_page, "rita", "/trees")
        expect(page.get_by_role("button", name="Give me a task")).to_be_disabled()
        assert_good(page)
        page.get_by_role("button", name="I agree, let me contribute").click()
        page.get_by_role("button", name="Give me a task").click()
        page.wait_for_url("**/trees/tasks/**")
        page.goto("about:blank")
