"""From the key press to the next case, painted, in real Chromium, with the demo's cases.

`ostraka demo` fills a folder, a server shows it, and the demo's reviewer approves case after case
by keyboard. Measured within the page: from the moment the browser stamped on the key press to the
first moment after the frame that shows the next case. Needs `pip install playwright` and Chromium.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.report import Figure, Goal, arguments, show
from benchmarks.server import Server, ostraka

MOST_MILLISECONDS = 100.0
READING_MILLISECONDS = 400
"""What comes sooner after a case appears is taken for a key pressed twice."""
AT_ONCE = 100
_WATCH = """() => {
  const shown = () => document.getElementById("case")?.dataset.case;
  const before = shown();
  window.painted = new Promise((resolve) => {
    let pressed = 0;
    const note = (event) => { pressed = event.timeStamp; };
    addEventListener("keydown", note, { capture: true, once: true });
    const watcher = new MutationObserver(() => {
      if (shown() === before) return;
      watcher.disconnect();
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
          const resources = performance.getEntriesByType("resource");
          const asked = resources.findLast((each) => each.name.endsWith("/decide"));
          resolve([performance.now() - pressed, asked.responseEnd - asked.startTime]);
        };
        port2.postMessage(null);  // answered behind the paint of this frame
      });
    });
    watcher.observe(document.body, { childList: true, subtree: true, attributes: true });
  });
}"""


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__).parse_args()
    chromium, presses = shutil.which("chromium"), 20 if options.quick else 60
    if chromium is None or find_spec("playwright") is None:
        raise SystemExit("key_press: left out, it needs Chromium and `pip install playwright`")
    with TemporaryDirectory() as scratch:
        folder = str(Path(scratch) / "demo")
        made = _told(folder, "demo", "--json")
        link = next(each["link"] for each in made["people"] if each["role"] == "reviewer")
        key = _told(folder, "keys", "create", "benchmark", "--scope", "admin", "--json")["key"]
        with ostraka(health="/health", data_dir=folder, workers="0") as server:
            _more_cases(server, key, presses)
            seen = list(_presses(chromium, server, link, presses))
    painted, answered = zip(*seen, strict=True)
    goal = Goal(below=MOST_MILLISECONDS)
    figures = [
        Figure("approve, next case painted", "ms", painted, goal=goal),
        Figure("of it until the answer is there", "ms", answered),
    ]
    show("from key to paint", figures, options.json)


def _told(folder: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "ostraka", *words],
        env=os.environ | {"OSTRAKA_DATA_DIR": folder},
        capture_output=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def _more_cases(server: Server, key: str, presses: int) -> None:
    """The demo leaves few open: what its authors wrote comes in again until there are enough."""
    stored = _asked(server, key, "/api/items?limit=200")["data"]
    opened, turn = 0, 0
    while opened < 2 * presses:
        again = [
            {"text": each["text"], "external_id": f"again-{turn}-{each['id']}"}
            for each in stored
            if each["text"]
        ]
        for start in range(0, len(again), AT_ONCE):
            answered = _asked(server, key, "/api/items", again[start : start + AT_ONCE])["data"]
            opened += sum(each["case_id"] is not None for each in answered)
        turn += 1


def _asked(server: Server, key: str, path: str, body: Any = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        None if body is None else json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def _presses(
    chromium: str, server: Server, link: str, presses: int
) -> Iterator[tuple[float, float]]:
    """Until the paint and until the answer; the first two, which warm both up, do not count."""
    from playwright.sync_api import sync_playwright

    base = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(base + link[link.index("/sign-in") :])
        page.get_by_role("button", name="Sign in as").click()
        page.goto(f"{base}/queue")
        page.keyboard.press("a")
        page.wait_for_url("**/cases/**")
        for number in range(presses + 2):
            page.wait_for_timeout(READING_MILLISECONDS)
            page.evaluate(_WATCH)
            page.keyboard.press("1")
            waited = page.evaluate("window.painted")
            if number >= 2:
                yield float(waited[0]), float(waited[1])
        browser.close()


if __name__ == "__main__":
    main()
