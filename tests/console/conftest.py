"""Real Chromium (Debian's), and a page that fails its test when it does what no page may do."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from ostraka.console.mount import mount
from ostraka.errors import OverloadedError
from ostraka.moderator import Moderator
from ostraka.server.app import create_app
from ostraka.settings import Settings

TOLD_BY_BROWSER = ("the server responded with", "Autofocus processing was blocked")
"""No complaints of a page: a request was refused; a test typed before the page took the focus."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One per module: while it is open, nothing else may run an event loop in this thread."""
    executable = shutil.which("chromium")
    if executable is None:
        reason = "Chromium is missing: scripts/install-test-dependencies installs it"
        if os.environ.get("OSTRAKA_TEST_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Containers run as root, where Chromium starts without its sandbox only.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, and what it said and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Opener = Callable[..., Page]

REPLACING = "form[hx-post].htmx-request"
"""A form that waits for what will take the place of the page, or of a part of it."""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens pages; at the end none may have complained or asked another host for anything."""
    watched: list[tuple[str, Watched]] = []

    def open_(
        address: str, path: str = "/", *, width: int = 1440, height: int = 900, **options: object
    ) -> Page:
        options.setdefault("reduced_motion", "reduce")  # nothing half-way to its colour
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        # What a form asks for replaces what is there: no test acts on what is about to go.
        page.add_locator_handler(page.locator(REPLACING).first, lambda: None)
        each = Watched(page)
        watched.append((address, each))
        page.on("console", lambda message: each.complaints.append(message.text))
        page.on("pageerror", lambda error: each.complaints.append(str(error)))
        page.on("request", lambda request: each.requests.append(request.url))
        page.goto(f"{address}{path}")
        return page

    yield open_
    for address, each in watched:
        complaints = [
            line for line in each.complaints if not any(words in line for words in TOLD_BY_BROWSER)
        ]
        own = (f"{address}/", f"blob:{address}/")
        strangers = [url for url in each.requests if not url.startswith(own)]
        each.page.context.close()
        assert complaints == []
        assert strangers == []


class _BusyScoring:
    async def verdicts(self, texts: object, model: object = None) -> list[object]:
        raise OverloadedError(retry_after=2)


@pytest.fixture(scope="session")
def busy_server(moderator: Moderator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real application with a queue that is always full."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("busy")), moderator)
    mount(app)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            thread.join(0.01)
        state = app.state.ostraka
        app.state.ostraka = replace(state, scoring=_BusyScoring())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        app.state.ostraka = state
        server.should_exit = True
        thread.join(10)
