"""The page that `ostraka data plot` writes, in Chromium: narrow, wide, light and dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from ostraka.train.examples import parse_example
from ostraka.train.preparation.counts import FileCounts
from ostraka.train.preparation.page import page
from ostraka.train.preparation.view import views


@pytest.fixture
def panels(tmp_path: Path) -> Path:
    files = [FileCounts(f"{part}_file.jsonl") for part in ("training", "validation", "test")]
    for file in files:
        for number in range(50):
            labels = ["toxicity", "identity_attack", "a" * 60][: number % 4]
            file.add(parse_example({"text": "Text.", "labels": {"moderation": labels}}))
    target, shown = views(files)
    path = tmp_path / "panels.html"
    path.write_text(page(shown, f"Labels of {target}"), "utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_panels(browser: Browser, panels: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown = context.new_page()
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(panels.as_uri())
    assert shown.locator("table").count() == 9
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    overflowing = (
        "[...document.querySelectorAll('.panel')].filter(p => p.scrollWidth > p.clientWidth)"
    )
    assert shown.evaluate(f"{overflowing}.length") == 0
    report = Axe().run(shown)
    assert report.violations_count == 0, report.generate_report()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
