"""The judge's page and what the playground tells of a judge: a real server, a scripted judge."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from accessible import assert_accessible
from conftest import Opener
from playwright.sync_api import Page, expect
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.console.judge.words import OUTCOMES, standing_words
from ostraka.judge.meter import SECONDS, quantile
from ostraka.judge.standing import Condition, Standing
from ostraka.moderator import JUDGE_MODEL
from ostraka.settings import Settings
from ostraka.testing.openai_server import ScriptedServer, scripted_server

SAID = "It calls somebody a fool."
INSULTED = {"set": {"reason": SAID, "categories.insult.violates": True}, "probability": 0.97}
INSULTED["set"] |= {"categories.insult.probability": 0.9}
SECRET = "words that nobody may see"


@pytest.fixture(scope="module")
def judge() -> Iterator[ScriptedServer]:
    with scripted_server({"models": ["big-judge"], "default": INSULTED}) as judge:
        yield judge


@pytest.fixture(scope="module")
def service(judge: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, address = start_server(
        tmp_path_factory.mktemp("judged"),
        judge_url=judge.base_url.replace("://", "://user:pass-word@"),
        judge_model="big-judge",
        judge_seconds="20",
        judge_prices='{"big-judge": {"prompt": 1000000, "completion": 2000000}}',
    )
    for text in (SECRET, SECRET, "others"):
        assert ask(address, text).status_code == 200
    judge.play({"models": ["big-judge"], "default": {"do": "refusal"}})
    assert ask(address, "refused").status_code == 502
    judge.play({"models": ["big-judge"], "default": INSULTED})
    yield address
    process.terminate()
    assert process.wait(20) == 0


def ask(service: str, text: str, model: str = JUDGE_MODEL) -> httpx.Response:
    body = {"model": model, "input": text}
    return httpx.post(f"{service}/v1/moderations", json=body, timeout=60)


def assert_good(page: Page) -> None:
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_page_fits_and_is_accessible(
    service: str, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(service, "/judge", width=width, color_scheme=scheme)
    page.get_by_text("Requests by their time").first.click()
    page.get_by_text("Drop…").first.click()
    assert_good(page)


def test_page_tells_traffic_cost_and_cache(service: str, judge: ScriptedServer) -> None:
    page = httpx.get(f"{service}/judge")
    assert page.status_code == 200
    metrics = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in httpx.get(f"{service}/metrics").text.splitlines()
        if line.startswith("ostraka_judge")
    }
    for kind in ("prompt", "completion"):
        tokens = metrics[f'ostraka_judge_tokens_total{{kind="{kind}"}}']
        assert f"{tokens:,.0f}" in page.text
    assert f"{metrics['ostraka_judge_cost_total']:.4f}" in page.text
    for words in ("Answered", "From the cache", "Refusal", "answers by JSON schema", "own"):
        assert words in page.text
    for hidden in (SECRET, SAID, "pass-word"):
        assert hidden not in page.text
    traffic = httpx.get(f"{service}/judge?part=traffic").text
    assert "What does it cost?" in traffic
    assert "What is kept" not in traffic


def test_page_says_whose_numbers_they_are(service: str, open_page: Opener) -> None:
    page = open_page(service, "/judge")
    whose = page.get_by_role("region", name="Whose numbers are these?")
    expect(whose).to_contain_text("this one server process")
    expect(whose).to_contain_text("Other processes of this service count their own")


def test_judge_is_checked_and_found_gone(
    service: str, judge: ScriptedServer, open_page: Opener
) -> None:
    page = open_page(service, "/judge")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_contain_text("It answered in")
    expect(page.locator(".notice")).to_contain_text("It lists 1 model: big-judge.")
    judge.play({"models": ["another"], "default": INSULTED})
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".notice-title")).to_contain_text("does not list the model “big-judge”")
    judge.stop()
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".notice-title")).to_contain_text("It does not answer.", timeout=10_000)
    expect(page.locator("[data-status]")).not_to_have_attribute("data-status", "Up")
    assert_good(page)
    judge.start()
    judge.play({"models": ["big-judge"], "default": INSULTED})
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".notice-title")).to_contain_text("It answered in", timeout=10_000)
    expect(page.locator("[data-status]")).to_have_attribute("data-status", "Up")


def test_kept_answers_are_exported_and_dropped(service: str, open_page: Opener) -> None:
    page = open_page(service, "/judge")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSONL").click()
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert {row["model"] for row in rows} == {"big-judge"}
    assert SECRET not in json.dumps(rows)
    page.get_by_label("Drop answers older than").fill("1")
    page.get_by_role("button", name="Drop them").click()
    expect(page.get_by_role("link", name="JSONL")).to_be_visible()
    page.get_by_text("Drop…").click()
    page.get_by_role("button", name=f"Drop {len(rows)} answers").click()
    expect(page.get_by_text("Nothing yet. Every answer")).to_be_visible()
    assert ask(service, SECRET).status_code == 200
    page.reload()
    expect(page.get_by_role("link", name="JSONL")).to_be_visible()


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 400), ({"older_than": "soon"}, 400), ({"older_than": "-1"}, 400)],
)
def test_nothing_is_dropped_by_mistake(service: str, fields: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{service}/judge/cache/drop", data=fields)
    assert answer.status_code == status
    foreign = httpx.post(
        f"{service}/judge/cache/drop",
        data={"model": "big-judge"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert foreign.status_code == 400


def test_playground_shows_what_the_judge_said_and_why(service: str, open_page: Opener) -> None:
    page = open_page(service)
    page.get_by_label("Model").select_option(JUDGE_MODEL)
    page.get_by_label("Text", exact=True).fill("You fool.")
    expect(page.get_by_text("Not updated while you type")).to_be_visible()
    page.get_by_role("button", name="Score this text").click()
    expect(page.locator(".judge-said blockquote")).to_have_text(SAID)
    expect(page.locator(".judge-sources")).to_contain_text("log-probabilities of its tokens: all")
    expect(page.locator(".judge-sources")).to_contain_text("Not calibrated")
    assert_good(page)


def test_playground_tells_stated_numbers_and_failures(
    service: str, judge: ScriptedServer, tmp_path: Path, open_page: Opener
) -> None:
    with scripted_server({"logprobs": "no", "default": INSULTED}) as plain:
        process, address = start_server(tmp_path, judge_url=plain.base_url, judge_cache="false")
        page = open_page(address)
        page.get_by_label("Model").select_option(JUDGE_MODEL)
        page.get_by_label("Text", exact=True).fill("You fool.")
        page.get_by_role("button", name="Score this text").click()
        expect(page.locator(".judge-sources")).to_contain_text("Numbers that it stated")
        plain.play({"default": {"do": "refusal"}})
        page.get_by_role("button", name="Score this text").click()
        expect(page.locator(".notice-title")).to_contain_text(
            "no answer that can be used (refusal)"
        )
        expect(page.locator(".score-row")).to_have_count(0)
        page.goto(f"{address}/judge")
        expect(page.get_by_text("Nothing: judge_cache is false")).to_be_visible()
        process.terminate()
        process.wait(20)


def test_without_a_judge_the_page_says_how_to_set_one_up(server: str, open_page: Opener) -> None:
    page = open_page(server, "/judge", width=360)
    expect(page.get_by_role("heading", name="traffic will appear here")).to_be_visible()
    assert_good(page)
    for path in ("/judge/check", "/judge/cache/drop"):
        assert httpx.post(f"{server}{path}", data={"model": "x"}).status_code == 404


def test_page_is_for_administrators(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    keys = {
        scope: make_key(settings.resolved_database_url, scope)[1]
        for scope in (Scope.MODERATE, Scope.ADMIN)
    }
    process, address = start_server(tmp_path, data_dir=str(tmp_path))
    for path in ("/judge", "/judge/cache/export"):
        refused = httpx.get(f"{address}{path}")
        assert refused.status_code == 401
        assert "LLM judge" in refused.text
        for scope, status in (
            (Scope.MODERATE, 403),
            (Scope.ADMIN, 200 if path == "/judge" else 404),
        ):
            headers = {"authorization": f"Bearer {keys[scope]}"}
            assert httpx.get(f"{address}{path}", headers=headers).status_code == status
    assert httpx.post(f"{address}/judge/check").status_code == 401
    process.terminate()
    process.wait(20)


# Words and figures


@pytest.mark.parametrize(
    ("standing", "word", "said"),
    [
        (Standing(Condition.UNKNOWN), "Not asked yet", "nothing so far"),
        (Standing(Condition.UP, answered_ago=1.0), "Up", "It answers"),
        (Standing(Condition.FAILING, 3, "503"), "Failing", "last 3 requests failed: 503"),
        (Standing(Condition.DOWN, 12, "reset", 4.2), "Down", "next trial is in 4 s"),
    ],
)
def test_standing_is_said_in_words(standing: Standing, word: str, said: str) -> None:
    words = standing_words(standing)
    assert words.word == word
    assert said in words.meaning


def test_every_outcome_has_its_words() -> None:
    faults: tuple[Any, ...] = ("refusal", "empty", "cut", "unparsable", "schema", "forged")
    others = (
        "asked",
        "cached",
        "shared",
        "unsure",
        "busy",
        "timeout",
        "unavailable",
        "refused",
        "ok",
    )
    assert set(OUTCOMES) == {*faults, *others}


def test_quantiles_are_estimated_inside_their_bucket() -> None:
    counts = [0] * (len(SECONDS) + 1)
    assert quantile(counts, 0.5) is None
    counts[0] = 10
    assert quantile(counts, 0.5) == pytest.approx(SECONDS[0] / 2)
    counts[2] = 10
    assert quantile(counts, 0.5) == pytest.approx(SECONDS[0])
    assert SECONDS[1] < (quantile(counts, 0.99) or 0) <= SECONDS[2]
    counts[-1] = 1000
    assert quantile(counts, 0.99) == SECONDS[-1]
