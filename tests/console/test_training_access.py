"""Who sees the training pages and who changes what they show: keys, scopes, other sites."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Opener
from playwright.sync_api import expect
from serving import make_key, start_server

pytest.importorskip("sklearn", reason="models are made with the train extra")
pytest.importorskip("matplotlib", reason="reports are made with the train extra")
import training_rows as rows

from ostraka.access.keys import Scope
from ostraka.factory.base import Factory
from ostraka.settings import Settings


@dataclass(frozen=True)
class Locked:
    """A server that requires keys, one that may train and one that may not, and what is kept."""

    address: str
    trainer: str
    moderator: str
    job_id: str
    model: str

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.trainer}"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    settings = Settings(data_dir=folder)
    _, trainer = make_key(settings.resolved_database_url, Scope.TRAIN)
    _, moderator = make_key(settings.resolved_database_url, Scope.MODERATE)
    factory = Factory.open(settings)
    file_id = rows.add_file(factory, "secret_name.jsonl", rows.examples(60))
    model = rows.add_model(factory, file_id, folder / "made", 1, suffix="secret-model")
    job_id = rows.add_job(factory, [file_id], suffix="secret-job")
    rows.validated(factory, job_id)
    process, address = start_server(folder, data_dir=str(folder), workers="0")
    yield Locked(address, trainer, moderator, job_id, model)
    process.terminate()
    process.wait(20)
    factory.database.close()


PAGES = (
    "/training",
    "/training/files",
    "/training/models",
    "/training/models/{model}",
    "/training/models/{model}/metrics.csv",
    "/training/models/{model}/report/loss.png",
    "/training/jobs/{job}",
    "/training/jobs/{job}/labels",
    "/training/jobs/{job}/losses.csv",
    "/training/compare",
)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_told_without_a_key(locked: Locked, path: str) -> None:
    address = locked.address + path.format(model=locked.model, job=locked.job_id)
    for headers, status, words in (
        ({}, 401, "This server asks for an API key."),
        ({"authorization": "Bearer ost-wrong"}, 401, "does not accept this API key"),
        ({"authorization": f"Bearer {locked.moderator}"}, 403, "lacks the scope"),
    ):
        answer = httpx.get(address, headers=headers)
        assert answer.status_code == status
        assert words in answer.text
        assert "secret" not in answer.text
        assert answer.headers["content-type"].startswith("text/html")
    answer = httpx.get(address, headers=locked.headers())
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/training/jobs/{job}/start",
        "/training/jobs/{job}/cancel",
        "/training/models/{model}/archive",
        "/training/models/{model}/unarchive",
        "/training/models/{model}/describe",
        "/training/compare",
    ],
)
def test_nothing_is_changed_without_a_key_or_by_another_site(locked: Locked, path: str) -> None:
    address = locked.address + path.format(model=locked.model, job=locked.job_id)
    assert httpx.post(address).status_code == 401
    wrong = {"authorization": f"Bearer {locked.moderator}"}
    assert httpx.post(address, headers=wrong).status_code == 403
    for foreign in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ):
        answer = httpx.post(address, headers=locked.headers() | foreign)
        assert answer.status_code == 400
        assert "another site" in answer.text
    job = httpx.get(f"{locked.address}/training/jobs/{locked.job_id}", headers=locked.headers())
    assert 'data-status="Validated"' in job.text
    model = httpx.get(f"{locked.address}/training/models", headers=locked.headers())
    assert "secret-model" in model.text


def test_a_key_opens_the_pages_of_this_tab(locked: Locked, open_page: Opener) -> None:
    page = open_page(locked.address, f"/training/jobs/{locked.job_id}", width=360)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    expect(page.locator(".notice-title")).to_have_text("This server asks for an API key.")
    assert Axe().run(page).violations_count == 0
    page.get_by_label("API key").fill(locked.moderator)
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_contain_text("lacks the scope 'train'")
    page.get_by_label("API key").fill("ost-nonsense")
    page.keyboard.press("Enter")
    expect(page.locator(".notice-title")).to_contain_text("does not accept this API key")
    page.get_by_label("API key").fill(locked.trainer)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("secret-job")
    expect(page.get_by_role("heading", name="What do rows say")).to_have_count(2)
    assert page.title().startswith("secret-job")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("[data-status]")).to_have_attribute("data-status", "Queued")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("[data-status]")).to_have_attribute("data-status", "Cancelled")
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="secret-model").click()
    expect(page.get_by_role("heading", name="Its card")).to_be_visible()
    for picture in page.locator(".pictures img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "metrics.csv"
    page.go_back()
    expect(page.locator("[data-row]")).to_have_count(1)
    assert not any("ost-" in address for address in addresses)
    assert locked.trainer not in page.content()
    assert page.evaluate("localStorage.length") == 0


def test_a_locked_page_without_javascript_says_so(locked: Locked, open_page: Opener) -> None:
    page = open_page(locked.address, "/training", java_script_enabled=False)
    expect(page.get_by_text("A page without JavaScript cannot send a key")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/training/jobs/nothing", 404, "No job has the id"),
        ("/training/jobs/nothing/labels", 404, "No job has the id"),
        ("/training/jobs/nothing/losses.csv", 404, "No job has the id"),
        ("/training/files/nothing", 404, "No file has the id"),
        ("/training/models/nothing", 404, "does not exist"),
        ("/training/models/nothing/report/loss.png", 404, "does not exist"),
        ("/training/compare?a=nothing&b=nothing", 404, "does not exist"),
        ("/training?status=TIRED", 400, "There is no status"),
        ("/training/files?purpose=fun", 400, "There is no purpose"),
        ("/training?page=0", 400, "There is no page"),
        ("/training?page=9e9", 400, "There is no page"),
        ("/training?suffix=%00", 400, "NUL"),
        ("/training/jobs/%00%3Cb%3E", 404, "No job has the id"),
    ],
)
def test_what_is_not_there_is_said_as_a_page(
    server: str, path: str, status: int, words: str
) -> None:
    answer = httpx.get(server + path, timeout=30)
    assert answer.status_code == status
    assert words in answer.text
    assert "<b>" not in answer.text
    assert "content-security-policy" in answer.headers


def test_report_gives_nothing_but_its_pictures(locked: Locked) -> None:
    for name in ("manifest.json", "..%2Fmanifest.json", "lexical.npz", "other.png"):
        address = f"{locked.address}/training/models/{locked.model}/report/{name}"
        assert httpx.get(address, headers=locked.headers()).status_code == 404


def test_a_name_that_is_too_long_is_refused(locked: Locked) -> None:
    address = f"{locked.address}/training/models/{locked.model}/describe"
    answer = httpx.post(address, headers=locked.headers(), data={"name": "x" * 201})
    assert answer.status_code == 400
    assert "at most 200 characters" in answer.text


def test_a_text_that_is_too_long_keeps_its_place(locked: Locked) -> None:
    address = f"{locked.address}/training/compare"
    names = {"a": locked.model, "b": locked.model}
    for text, status, words in (
        ("x" * 100_001, 413, "100,001 characters"),
        ("a\0b", 400, "NUL"),
        ("see you tomorrow", 200, "they agree"),
    ):
        answer = httpx.post(address, params=names, headers=locked.headers(), data={"text": text})
        assert (answer.status_code, words in answer.text) == (status, True)


def test_no_page_has_inline_script_or_style_and_budgets_hold(locked: Locked) -> None:
    sizes = {"js": 0, "css": 0}
    assets: set[str] = set()
    for path in PAGES:
        address = locked.address + path.format(model=locked.model, job=locked.job_id)
        answer = httpx.get(address, headers=locked.headers())
        if answer.headers["content-type"].startswith("text/html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text)
            assets |= set(re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text))
    assets |= set(re.findall(r'="(/static/[^"]+)"', httpx.get(f"{locked.address}/").text))
    for asset in assets:
        ending = asset.rpartition(".")[2]
        if ending in sizes:
            with httpx.stream("GET", locked.address + asset) as answer:
                sizes[ending] += sum(len(chunk) for chunk in answer.iter_raw())
    assert sizes["js"] < 60_000
    assert sizes["css"] < 30_000
