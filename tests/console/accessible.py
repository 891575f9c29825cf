"""Whether a page is accessible, for pages whose parts come and go while one looks."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_LOOKS = 3


def assert_accessible(page: Page) -> None:
    """No violation in one of a few looks: what is pale while an answer comes is no page to judge.

    A fault of the page itself is there in every look.
    """
    report = ""
    for _ in range(_LOOKS):
        results = Axe().run(page)
        if results.violations_count == 0:
            return
        report = results.generate_report()
        page.wait_for_timeout(1500)
    raise AssertionError(f"{page.url}\n{report}")
