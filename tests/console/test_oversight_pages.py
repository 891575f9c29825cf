"""Policies, insights and the audit log in Chromium, over the demo's data."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Opener
from people import link_for, signed_in
from playwright.sync_api import Page, expect
from serving import start_server

from ostraka.console.oversight.handling import csv_text
from ostraka.demo.filling import fill
from ostraka.demo.policies import calmer_text, surer_text
from ostraka.moderator import Moderator
from ostraka.policy.document import parse_policy
from ostraka.review.record_shapes import read_entry
from ostraka.storage.chain import check
from ostraka.storage.database import Database

OWNER, LEAD, REVIEWER = "Priya Nair", "Lior Castel", "Ines Varga"


def short(text: str) -> str:
    return parse_policy(text).digest.removeprefix("sha256:")[:12]


SURER, CALMER = short(surer_text()), short(calmer_text())
PAGES = (
    "/policies",
    f"/policies/{SURER}",
    f"/policies/{SURER}/document",
    f"/policies/{SURER}/examples",
    f"/policies/{SURER}/backtest",
    f"/policies/{CALMER}/shadow",
    "/policies/draft",
    "/insights",
    "/audit",
    "/audit/10",
)


@dataclass(frozen=True)
class Lived:
    address: str
    database_url: str

    def open(self, open_page: Opener, who: str, path: str, **options: object) -> Page:
        page = open_page(self.address, link_for(self.database_url, who), **options)
        page.get_by_role("button", name="Sign in as").click()
        page.goto(self.address + path)
        return page


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, moderator: Moderator) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("lived")
    url = f"sqlite:///{folder / 'ostraka.db'}"
    with closing(Database.at(url)) as database:
        fill(database, moderator, datetime.now(UTC))
    process, address = start_server(folder, data_dir=str(folder))
    yield Lived(address, url)
    process.terminate()
    process.wait(20)


def assert_good(page: Page) -> None:
    report = Axe().run(page)
    assert report.violations_count == 0, f"{page.url}\n{report.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "dark")])
def test_pages_are_accessible_and_fit(
    lived: Lived, open_page: Opener, width: int, scheme: str
) -> None:
    page = lived.open(open_page, OWNER, "/policies", width=width, color_scheme=scheme)
    for path in PAGES:
        answer = page.goto(lived.address + path)
        assert answer and answer.status == 200, path
        assert_good(page)


def test_owner_writes_a_draft_tests_it_and_lets_it_act_by_keyboard(
    lived: Lived, open_page: Opener
) -> None:
    page = lived.open(open_page, OWNER, "/policies")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Write a draft")
    document = page.get_by_label("Document (TOML)")
    whole = document.input_value()
    document.fill(whole.replace("threshold = 0.95", "threshold = 1.7", 1))
    document.press("Tab")
    page.keyboard.type("Later on toxicity")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    fault = page.get_by_role("alert")
    expect(fault).to_contain_text("1 thing to change")
    expect(fault).to_contain_text("threshold = 1.7")
    assert_good(page)
    fault.get_by_role("button", name="Line").press("Enter")
    chosen = "document.activeElement.value.slice(...['selectionStart', 'selectionEnd']"
    assert page.evaluate(f"{chosen}.map(k => document.activeElement[k]))") == "threshold = 1.7"

    better = whole.replace("threshold = 0.95", "threshold = 0.97", 1)
    page.get_by_label("Document (TOML)").fill(better.replace('"community"', '"later"', 1))
    page.get_by_role("button", name="Check it").press("Enter")
    expect(page.locator("main")).to_contain_text("rises from 0.95 to 0.97")
    page.get_by_role("button", name="Keep the draft").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("later")

    page.keyboard.press("a")
    asked = re.compile(r"“later” \(\w{12}\) decides .* instead of “community” \(\w{12}\)")
    expect(page.locator("dialog[open]")).to_contain_text(asked)
    page.get_by_role("button", name="Let it act", exact=True).press("Enter")
    expect(page.locator("main")).to_contain_text("never replayed on stored items")
    page.get_by_role("link", name="Backtest").press("Enter")
    page.get_by_role("button", name="Start the backtest").press("Enter")
    expect(page.locator("main")).to_contain_text("Of 152 items")
    page.keyboard.press("a")
    page.get_by_label("Why").fill("Tried and agreed")
    page.get_by_role("button", name="Let it act", exact=True).press("Enter")
    expect(page.locator(".under-title")).to_contain_text("Acts")

    page.goto(f"{lived.address}/policies")
    expect(page.locator(".acts-now")).to_contain_text("later")
    page.get_by_role("button", name="Roll back").press("Enter")
    page.locator("dialog[open]").get_by_role("button", name="Roll back").press("Enter")
    expect(page.locator(".acts-now-name")).to_contain_text("community")


def test_owner_tries_a_draft_in_shadow(lived: Lived, open_page: Opener) -> None:
    page = lived.open(open_page, OWNER, f"/policies/{SURER}/shadow")
    page.get_by_role("button", name="Try it in shadow").click()
    expect(page.locator("main")).to_contain_text("It sees live traffic")
    page.get_by_role("button", name="End the shadow run").click()
    expect(page.get_by_role("button", name="Try it in shadow")).to_be_visible()
    page.goto(f"{lived.address}/policies/{CALMER}/shadow")
    expect(page.locator("main")).to_contain_text("It has not seen enough to act.")


def test_reviewers_read_policies_and_change_none(lived: Lived) -> None:
    with closing(signed_in(lived.address, lived.database_url, REVIEWER)) as reviewer:
        page = reviewer.get("/policies")
        assert page.status_code == 200
        assert "Write a draft" not in page.text
        token = page.text.split('name="form-token" content="')[1].split('"')[0]
        refused = reviewer.post("/policies/rollback", data={"form_token": token})
        assert refused.status_code == 403
        assert reviewer.get("/insights").status_code == 403
        assert reviewer.get("/audit").status_code == 403
        assert reviewer.get("/policies/000000000000").status_code == 404


def test_a_form_without_its_token_changes_nothing(lived: Lived) -> None:
    with closing(signed_in(lived.address, lived.database_url, OWNER)) as owner:
        before = owner.get("/policies").text
        assert owner.post("/policies/rollback", data={}).status_code == 403
        assert owner.get("/policies").text.count("acts-now") == before.count("acts-now")


def test_every_chart_has_its_numbers(lived: Lived) -> None:
    with closing(signed_in(lived.address, lived.database_url, LEAD)) as lead:
        page = lead.get("/insights", params={"days": "30"}).text
        charts = ("volume", "backlog", "actions", "handling", "agreement", "agreement_between")
        for name in (*charts, "accuracy", "confusion"):
            assert f"/insights/{name}.csv?days=30" in page
            answer = lead.get(f"/insights/{name}.csv", params={"days": "30"})
            assert answer.headers["content-type"].startswith("text/csv")
            rows = list(csv.DictReader(io.StringIO(answer.text)))
            assert rows, name
            if name == "volume":
                assert sum(int(row["items"]) for row in rows) == 152
                assert len(rows) == 30
        assert lead.get("/insights/nothing.csv").status_code == 404
        assert lead.get("/insights", params={"days": "3"}).status_code == 400


def test_every_chart_is_a_picture_to_keep(lived: Lived, open_page: Opener) -> None:
    page = lived.open(open_page, LEAD, "/insights?days=30", color_scheme="dark")
    buttons = page.get_by_role("button", name="Download as PNG")
    names = set()
    for at in range(buttons.count()):
        with page.expect_download() as kept:
            buttons.nth(at).press("Enter")
        names.add(kept.value.suggested_filename)
        picture = kept.value.path().read_bytes()
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(picture[16:20]) > 1000, "as wide as the page, twice as sharp"
        assert len(picture) > 8_000, "something is drawn"
    assert "ostraka-volume-30-days.png" in names
    assert "ostraka-handling-30-days.png" in names
    assert len(names) == buttons.count() >= 6


def test_log_is_filtered_by_address_opened_and_verified(lived: Lived, open_page: Opener) -> None:
    page = lived.open(open_page, LEAD, "/audit?act=appeal.opened")
    rows = page.locator("table.log tbody tr")
    expect(rows.first).to_contain_text("appeal.opened")
    assert rows.count() >= 3
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("appeal.opened")
    expect(page.locator("main")).to_contain_text("appeal_id")
    page.go_back()
    page.get_by_label("From").fill("2001-01-01")
    page.get_by_label("To", exact=True).fill("2001-01-02")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.locator("main")).to_contain_text("No entry fits")
    page.goto(f"{lived.address}/audit")
    page.keyboard.press("a")
    expect(page.locator(".notice")).to_contain_text("all as they were written")
    assert page.goto(f"{lived.address}/audit?since=yesterday").status == 400


def test_exported_log_verifies_and_a_change_shows(lived: Lived) -> None:
    with closing(signed_in(lived.address, lived.database_url, LEAD)) as lead:
        lines = lead.get("/audit/export.jsonl").text.splitlines()
        found = check(read_entry(json.loads(line)) for line in lines)
        assert found.whole
        assert found.entries == len(lines) > 150
        file = lived.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file)) as database, database:
            (actor,) = database.execute("SELECT actor FROM audit_log WHERE sequence = 7").fetchone()
            database.execute("UPDATE audit_log SET actor = 'somebody' WHERE sequence = 7")
        try:
            assert "Broken at entry 7" in lead.get("/audit").text
        finally:
            with closing(sqlite3.connect(file)) as database, database:
                database.execute("UPDATE audit_log SET actor = ? WHERE sequence = 7", [actor])


def test_tables_hold_no_formulas() -> None:
    text = csv_text([["name", "n"], ["=1+1", -2], ['say "hi", you', None]])
    assert text == 'name,n\r\n\'=1+1,-2\r\n"say ""hi"", you",\r\n'
