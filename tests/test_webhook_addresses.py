"""Webhooks go where they may go, and nowhere else."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.errors import InvalidInputError
from ostraka.review.webhook_addresses import (
    ForbiddenAddressError,
    check_public,
    is_public,
    parse_target,
    resolve,
)
from ostraka.review.webhook_sending import Sender, headers, new_secret
from ostraka.testing.webhook_receiver import webhook_receiver

PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(InvalidInputError, match="private address") as raised:
        parse_target(f"https://{host}/hook", private=False)
    assert raised.value.field == "url"
    assert parse_target(f"https://{host}/hook", private=True).host == address


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_address_in_another_s_clothes_is_judged_as_itself(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    translated = IPv6Address(f"64:ff9b::{address}")
    assert is_public(mapped) == is_public(address)
    assert is_public(address) or not is_public(translated)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_addresses_spelt_in_old_ways(host: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_target(f"https://{host}/", private=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org/",
        "https://",
        "https://name:password@example.org/",
        "https://example.org/#part",
        "https://example.org:99999/",
        "https://" + "x" * 2000,
        "http://example.org/hook",
    ],
)
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(InvalidInputError, match="the URL of a webhook") as raised:
        parse_target(url, private=False)
    assert raised.value.code == "invalid_url"


def test_a_target_keeps_its_name_beside_the_address() -> None:
    target = parse_target("https://example.org:8443/hook?a=1", private=False)
    assert str(target.at("93.184.216.34")) == "https://93.184.216.34:8443/hook?a=1"
    assert str(target.at("2606:2800::1")) == "https://[2606:2800::1]:8443/hook?a=1"
    assert target.host_header == "example.org:8443"
    assert parse_target("https://bücher.example/", private=False).host == "xn--bcher-kva.example"


def test_one_private_address_of_a_name_is_enough() -> None:
    check_public("example.org", ["93.184.216.34"])
    with pytest.raises(ForbiddenAddressError, match=r"leads to 10\.0\.0\.1"):
        check_public("example.org", ["93.184.216.34", "10.0.0.1"])


def test_a_name_that_leads_home_is_found_out_when_it_is_used() -> None:
    target = parse_target("https://localhost/hook", private=False)
    with pytest.raises(ForbiddenAddressError):
        resolve(target, private=False)
    answer = Sender(2.0, private=False).send("https://localhost/hook", {}, b"{}")
    assert (answer.status, answer.accepted) == (None, False)
    assert answer.error is not None and "no public address" in answer.error


def test_nothing_is_sent_to_a_private_address_though_it_listens() -> None:
    with webhook_receiver() as receiver:
        head = headers([new_secret()], "delivery_1", datetime.now(UTC), b"{}")
        assert not Sender(2.0, private=False).send(receiver.url, head, b"{}").accepted
        assert receiver.received() == []
        name = receiver.url.replace("127.0.0.1", "localhost")
        assert Sender(2.0, private=True).send(name, head, b"{}").accepted
        [message] = receiver.received()
    assert message.headers["host"].startswith("localhost:")


def test_a_name_that_nobody_knows_is_a_failed_attempt() -> None:
    answer = Sender(10.0, private=True).send("https://nowhere.invalid/", {}, b"{}")
    assert answer.status is None
    assert answer.ill
