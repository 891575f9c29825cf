"""What every page and static file owes, asked of a really started server."""

import re

import httpx
import pytest

ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@pytest.fixture(scope="session")
def page(server: str) -> httpx.Response:
    return httpx.get(f"{server}/")


def test_page_forbids_everything_foreign(page: httpx.Response) -> None:
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_page_has_no_inline_script_or_style(page: httpx.Response) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page.text)


def test_assets_have_their_digest_in_the_address_and_stay(
    server: str, page: httpx.Response
) -> None:
    addresses = set(ASSET.findall(page.text))
    assert len(addresses) >= 5
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", address)
        answer = httpx.get(server + address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        again = httpx.get(server + address, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_plain_name_is_asked_for_again(server: str) -> None:
    answer = httpx.get(f"{server}/static/console.css")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/css")
    plain = httpx.get(f"{server}/static/console.css", headers={"accept-encoding": "identity"})
    assert plain.text == answer.text


@pytest.mark.parametrize("name", ["missing.css", "..%2fpages.py", "console.000000000000.css"])
def test_nothing_but_assets_is_served(server: str, name: str) -> None:
    assert httpx.get(f"{server}/static/{name}").status_code == 404


def test_scripts_and_styles_keep_their_budget(server: str, page: httpx.Response) -> None:
    sizes = {"js": 0, "css": 0}
    for address in set(ASSET.findall(page.text)):
        ending = address.rpartition(".")[2]
        if ending in sizes:
            with httpx.stream("GET", server + address) as answer:
                sizes[ending] += sum(len(chunk) for chunk in answer.iter_raw())
    assert sizes["js"] < 60_000
    assert sizes["css"] < 30_000
