"""Where webhooks may go: to public addresses over HTTPS, unless the operator allows more.

A URL is given by whoever may add webhooks, and a name may lead anywhere by the time that it is
used. So names are resolved once for each attempt, every address is looked at, and the connection
is made to an address that was looked at.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import httpx

from ostraka.errors import InvalidInputError

MAX_URL_CHARACTERS: Final = 2000
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LAST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ForbiddenAddressError(Exception):
    """The name leads to an address that webhooks may not go to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that a webhook may have."""

    url: httpx.URL
    host: str
    """As it goes over the wire: international names in ASCII."""
    port: int

    def at(self, address: str) -> httpx.URL:
        """The URL with an address instead of the name."""
        return self.url.copy_with(host=address)

    @property
    def host_header(self) -> str:
        """What the receiver is asked for."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        plain = self.port == _DEFAULT_PORTS[self.url.scheme]
        return name if plain else f"{name}:{self.port}"


def parse_target(text: str, *, private: bool) -> Target:
    """The target that a URL names; with `private`, HTTP and addresses of one's own network too.

    Raises:
        InvalidInputError: a URL that no webhook can have.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise _refused(f"has more than {MAX_URL_CHARACTERS} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise _refused("is not a URL such as https://example.org/hook") from None
    host = url.raw_host.decode("ascii").strip("[]")
    if url.scheme not in _DEFAULT_PORTS or not host:
        raise _refused("begins with https:// and a host, such as https://example.org/hook")
    if url.scheme == "http" and not private:
        raise _refused("needs https://; `webhook_private_addresses` allows http:// too")
    if url.userinfo:
        raise _refused("has a name or password in it; what is sent is signed instead")
    if url.port is not None and not 0 < url.port <= _LAST_PORT:
        raise _refused(f"names the port {url.port}; there are 1 to {_LAST_PORT}")
    if url.fragment:
        raise _refused("has a part behind '#', which is never sent")
    target = Target(url, host, url.port or _DEFAULT_PORTS[url.scheme])
    literal = _literal(host)
    if literal is not None and not private and not is_public(literal):
        raise _refused(
            f"names the private address {host}; the setting `webhook_private_addresses` allows it"
        )
    return target


def resolve(target: Target, *, private: bool) -> tuple[str, ...]:
    """Every address of the target, each looked at.

    Raises:
        ForbiddenAddressError: one of them is not public.
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    if not private:
        check_public(target.host, addresses)
    return addresses


def check_public(host: str, addresses: Iterable[str]) -> None:
    """Make sure that all addresses of a name are public: one that is not is reason enough.

    Raises:
        ForbiddenAddressError: one of them is not.
    """
    for address in addresses:
        if not is_public(ip_address(address.partition("%")[0])):
            raise ForbiddenAddressError(f"{host} leads to {address}, which is no public address")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and any that it carries inside, belongs to the public internet."""
    inner: list[IPv4Address | None] = []
    if isinstance(address, IPv6Address):
        teredo = address.teredo or (None, None)
        inner = [address.ipv4_mapped, address.sixtofour, *teredo]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return all(is_public(each) for each in inner if each is not None)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that stands in a URL, in any of the ways in which a resolver reads one."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError(f"the URL of a webhook {why}", field="url", code="invalid_url")
