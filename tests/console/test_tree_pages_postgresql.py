"""The pages of trees over PostgreSQL: what SQLite lets pass may fail there, and the reverse."""

import re
from collections.abc import Iterator

import postgresql
import pytest
from conftest import Opener
from playwright.sync_api import expect
from reviewers import Place, assert_good, started
from tree_rows import PROMPT, Grove
from tree_steps import SMALL, bring_to_ranking, take

from ostraka.trees.configuration import parse_configuration
from ostraka.trees.selection import TaskType
from ostraka.trees.states import State


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, postgresql_cluster: postgresql.Cluster
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("trees")
    (folder / "trees.toml").write_text(SMALL + "max_active_trees = 1\n")
    with started(
        folder,
        trees_configuration=str(folder / "trees.toml"),
        database_url=postgresql_cluster.new_database(),
    ) as place:
        yield place


@pytest.fixture(scope="module")
def grove(place: Place) -> Grove:
    return Grove(place.seeds.database, parse_configuration(SMALL + "max_active_trees = 1\n"))


def test_two_accounts_bring_a_prompt_to_its_ranking(place: Place, open_page: Opener) -> None:
    bring_to_ranking(place, open_page, "nl")


def test_a_contributor_skips_and_takes_it_back_and_reads_what_is_theirs(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    grove.prompt(grove.bot(1), PROMPT, "fr")
    rita = place.open(open_page, "rita", "/trees?language=fr")
    take(rita, TaskType.LABEL_INITIAL_PROMPT)
    rita.keyboard.press("s")
    rita.get_by_label("Reason").first.fill("Not my field.")
    rita.get_by_role("button", name="Skip and go on").click()
    expect(rita.locator(".toast")).to_contain_text("Skipped.")
    rita.keyboard.press("u")
    rita.wait_for_url(re.compile("/trees/tasks/"))
    expect(rita.locator(".conversation")).to_contain_text(PROMPT)
    for path in ("mine", "leaderboard", "profile"):
        rita.goto(f"{place.address}/trees/{path}")
        assert_good(rita)


def test_a_moderator_halts_resumes_and_erases(
    place: Place, grove: Grove, open_page: Opener
) -> None:
    first, second = (grove.prompt(grove.bot(n), f"{PROMPT} {n}", "it") for n in (2, 3))
    grove.review(first, first, times=1)
    lead = place.open(open_page, "lead", f"/trees/all/{first}")
    if grove.store.read(first).state is State.PROMPT_LOTTERY_WAITING:
        lead.get_by_role("button", name="Let it grow now").click()
        expect(lead.locator(".toast")).to_contain_text("The tree grows.")
    lead.get_by_role("button", name="Halt").click()
    expect(lead.locator(".toast")).to_contain_text("Halted.")
    grove.review(second, second, times=1)
    lead.goto(f"{place.address}/trees/all/{second}")
    lead.get_by_role("button", name="Let it grow now").click()
    expect(lead.locator(".toast")).to_contain_text("The tree grows.")
    lead.goto(f"{place.address}/trees/all/{first}")
    lead.get_by_role("button", name="Resume").click()
    expect(lead.locator(".toast")).to_contain_text("Resumed.")
    assert grove.store.read(first).state is State.PROMPT_LOTTERY_WAITING
    assert_good(lead)

    lead.goto(f"{place.address}/trees/contributors/{grove.bot(2)}?preview=erase")
    assert_good(lead)
    lead.get_by_label("I know that this cannot be taken back").check()
    lead.get_by_role("button", name="Erase the person").click()
    expect(lead.locator(".under-title")).to_contain_text("Erased")
    assert grove.store.read(first).root.text == ""
    lead.goto(f"{place.address}/trees/all")
    assert_good(lead)
