"""What contributors do on the pages of trees, step by step, in a real browser."""

import re

from conftest import Opener
from playwright.sync_api import Page, expect
from reviewers import Place, assert_good

from ostraka.trees.selection import TaskType

SMALL = """
goal_tree_size = 3
max_tree_depth = 1
max_children_count = 2
num_reviews_initial_prompt = 1
num_reviews_reply = 1
num_required_rankings = 1
task_validity_minutes = 30
"""


def take(page: Page, kind: TaskType) -> None:
    """Ask for a task of a kind, from the page of tasks."""
    card = page.locator(f'form:has(input[name="kind"][value="{kind}"])')
    card.get_by_role("button").click()
    page.wait_for_url("**/trees/tasks/**")


def bring_to_ranking(place: Place, open_page: Opener, language: str) -> None:
    """Two reviewers and a lead write a prompt and its replies, review and rank them."""
    rita = place.open(open_page, "rita", f"/trees?language={language}")
    rita.keyboard.press("a")
    rita.wait_for_url("**/trees/tasks/**")
    expect(rita.get_by_role("heading", name="Write a prompt")).to_be_visible()
    rita.keyboard.press("t")
    rita.keyboard.type("Which tree grows best in a small city garden?")
    expect(rita.locator("[data-counter]")).to_have_text("45 of 2,000")
    rita.reload()
    expect(rita.get_by_label("Your prompt")).to_have_value(re.compile("small city garden"))
    rita.get_by_label("Your prompt").press("Control+Enter")
    expect(rita.locator(".toast")).to_contain_text("Others review it now.")
    rita.goto(f"{place.address}/trees/mine")
    expect(rita.locator(".mine-message")).to_contain_text("It has 0 of 1 review; it waits for 1")

    ron = place.open(open_page, "ron", f"/trees?language={language}")
    take(ron, TaskType.LABEL_INITIAL_PROMPT)
    expect(ron.locator(".conversation")).to_contain_text("small city garden")
    assert "rita" not in ron.content().lower()
    assert_good(ron)
    ron.keyboard.press("Control+Enter")  # of a page that is untouched: it says what is needed
    expect(ron.locator('[name="label.spam"][value="no"]')).to_be_focused()
    ron.keyboard.press("n")
    ron.locator('[name="label.quality"][value="0"]').focus()
    ron.keyboard.press("4")
    expect(ron.locator('[name="label.quality"][value="3"]')).to_be_checked()
    ron.keyboard.press("Control+Enter")
    expect(ron.locator(".toast")).to_contain_text("Your review counts.")

    ron.goto(f"{place.address}/trees?language={language}")
    take(ron, TaskType.ASSISTANT_REPLY)
    ron.get_by_label("Your reply").fill("A serviceberry: small, and it flowers and bears fruit.")
    ron.get_by_role("button", name="Send reply").click()
    expect(ron.locator(".toast")).to_contain_text("Others review it now.")
    lead = place.open(open_page, "lead", f"/trees?language={language}")
    take(lead, TaskType.ASSISTANT_REPLY)
    lead.get_by_label("Your reply").fill("A birch.")
    lead.get_by_role("button", name="Send reply").click()
    expect(lead.locator(".toast")).to_contain_text("Others review it now.")

    rita.goto(f"{place.address}/trees?language={language}")
    take(rita, TaskType.LABEL_ASSISTANT_REPLY)
    for _ in range(2):
        task = rita.locator("#task").get_attribute("data-task")
        rita.wait_for_timeout(300)
        rita.keyboard.press("n")
        expect(rita.locator('[name="label.spam"][value="no"]')).to_be_checked()
        rita.get_by_role("button", name="Send review").click()
        expect(rita.locator(f'#task:not([data-task="{task}"])')).to_be_visible()
    rita.goto(f"{place.address}/trees?language={language}")
    take(rita, TaskType.RANK_ASSISTANT_REPLIES)
    assert_good(rita)
    best = rita.locator("[data-card]", has_text="serviceberry")
    best.locator("[data-handle]").focus()
    rita.keyboard.press("1")
    expect(rita.locator("[data-card]").first).to_contain_text("serviceberry")
    rita.keyboard.press("Control+Enter")
    expect(rita.locator(".toast")).to_contain_text("Your ranking counts.")
    ron.goto(f"{place.address}/trees/mine")
    expect(ron.locator(".mine-message").first).to_contain_text("Its readers ranked it 1st of 2.")
