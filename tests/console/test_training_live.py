"""A job that really runs, watched in Chromium: made by the page's own command, to its model."""

import html
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Opener
from playwright.sync_api import expect
from serving import start_server

pytest.importorskip("sklearn", reason="jobs need the train extra")
pytest.importorskip("matplotlib", reason="reports need the train extra")
import training_rows as rows


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def working(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A server with one worker, on a database of each kind, and its folder."""
    folder = tmp_path_factory.mktemp("working")
    kept = {}
    if request.param == "postgresql":
        kept["database_url"] = request.getfixturevalue("postgresql_cluster").new_database()
    process, address = start_server(folder, data_dir=str(folder / "data"), workers="1", **kept)
    yield address, folder
    process.terminate()
    process.wait(30)


def test_from_the_copied_command_to_a_tried_text(
    working: tuple[str, Path], open_page: Opener
) -> None:
    address, folder = working
    (folder / "training_file.jsonl").write_bytes(rows.examples(300))
    empty = httpx.get(f"{address}/training", timeout=60).text
    found = re.search(r'<code id="first-job">(.*?)</code>', empty, re.DOTALL)
    assert found
    command = html.unescape(found[1])
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True, timeout=60)
    page = open_page(address, "/training")
    page.locator("[data-row]").click()
    expect(page.locator(".plot")).to_be_visible(timeout=120_000)
    status = page.locator("[data-status]")
    expect(status).to_have_attribute("data-status", "Success", timeout=120_000)
    expect(page.locator(".events")).to_contain_text("Running")
    expect(page.locator("#targets + .target h3")).to_have_text("moderation")
    page.get_by_role("link", name="Open its model").click()
    expect(page.get_by_role("heading", name="How good is it at “moderation”")).to_be_visible()
    model = httpx.get(f"{address}/v1/fine_tuning/jobs", timeout=60).json()["data"][0]
    name = model["fine_tuned_model"]
    page.goto(f"{address}/training/compare?a={name}&b={name}")
    page.get_by_label("Text", exact=True).fill("you silly goose")
    page.get_by_role("button", name="Try it on both").click()
    expect(page.locator(".answers").first).to_be_visible(timeout=60_000)
