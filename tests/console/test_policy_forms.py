"""The forms of policies without a browser: what is refused, and what stays as it was."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from people import add, signed_in
from serving import start_server

from ostraka.access.roles import Role
from ostraka.policy.presets import default_policy, default_text

DEFAULT = default_policy().digest.removeprefix("sha256:")[:12]


@dataclass(frozen=True)
class Office:
    client: httpx.Client
    address: str
    database_url: str

    def post(self, path: str, **fields: str) -> httpx.Response:
        page = self.client.get("/policies/draft").text
        token = page.split('name="form-token" content="')[1].split('"')[0]
        return self.client.post(path, data={"form_token": token, **fields})

    def keep(self, text: str, note: str = "") -> str:
        """Keep a draft; its address."""
        kept = self.post("/policies/draft", act="keep", document=text, note=note)
        assert kept.status_code == 303, kept.text
        return kept.headers["location"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    url = f"sqlite:///{folder / 'ostraka.db'}"
    add(url, "Ada", Role.ADMIN)
    add(url, "Priya", Role.POLICY_OWNER)
    process, address = start_server(folder, data_dir=str(folder))
    with closing(signed_in(address, url, "Priya")) as client:
        yield Office(client, address, url)
    process.terminate()
    process.wait(20)


def named(name: str) -> str:
    return default_text().replace('name = "default"', f'name = "{name}"', 1)


def test_the_default_acts_before_anything_was_kept(office: Office) -> None:
    page = office.client.get("/policies")
    assert page.status_code == 200
    assert "it ships with Ostraka" in page.text
    for tab in ("", "/document", "/examples", "/backtest", "/shadow"):
        assert office.client.get(f"/policies/{DEFAULT}{tab}").status_code == 200, tab
    assert office.post("/policies/rollback").status_code == 409


def test_a_broken_draft_is_not_kept_and_not_lost(office: Office) -> None:
    broken = named("broken") + '\n[[rules]]\nname = "<script>alert(1)</script>"\n'
    refused = office.post("/policies/draft", act="keep", document=broken, note="a <b>note</b>")
    assert refused.status_code == 400
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in refused.text
    assert "<script>alert(1)" not in refused.text
    assert "a &lt;b&gt;note&lt;/b&gt;" in refused.text
    assert "broken" not in office.client.get("/policies").text


def test_checking_keeps_nothing(office: Office) -> None:
    checked = office.post("/policies/draft", act="check", document=named("only looked at"))
    assert checked.status_code == 200
    assert "It can be used" in checked.text
    assert "only looked at" not in office.client.get("/policies").text


def test_a_draft_acts_at_once_where_there_are_no_items_and_goes_back(office: Office) -> None:
    address = office.keep(named("second"), "Renamed")
    assert "Renamed" in office.client.get("/policies").text
    acted = office.post(f"{address}/activate", note="Agreed")
    assert acted.status_code == 303
    assert "Agreed" in office.client.get("/policies").text
    again = office.post(f"{address}/activate")
    assert again.status_code == 409
    assert "acts already" in again.text
    assert office.post("/policies/rollback", note="Too early").status_code == 303
    page = office.client.get("/policies").text
    assert "Too early" in page
    assert f'href="/policies/{DEFAULT}"' in page.split("</section>")[0]


def test_the_same_words_are_the_same_version(office: Office) -> None:
    first = office.keep(named("twice"))
    assert office.keep(named("twice") + "\n# a comment changes nothing\n") == first


def test_shadow_runs_begin_and_end_once(office: Office) -> None:
    address = office.keep(named("shadowed"))
    assert office.post(f"{address}/shadow", note="Let us see").status_code == 303
    assert office.post(f"{address}/shadow").status_code == 409
    assert "End the shadow run" in office.client.get(f"{address}/shadow").text
    assert office.post(f"{address}/shadow/stop").status_code == 303
    assert office.post(f"{address}/shadow/stop").status_code == 409


def test_what_is_not_there_is_not_found(office: Office) -> None:
    for path in ("/policies/abcdefabcdef", "/policies/abcdefabcdef/backtest", "/audit/999999"):
        assert office.client.get(path).status_code == 404, path
    assert office.post("/policies/abcdefabcdef/activate").status_code == 404
    assert office.post(f"/policies/{DEFAULT}/backtest", newest="12").status_code == 400
