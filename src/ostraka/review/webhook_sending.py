"""Send one message: signed as the Standard Webhooks specification says, within a time, nowhere
else than to an address that was looked at.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import base64
import binascii
import hmac
import json
import re
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import httpx

from ostraka import __version__
from ostraka.errors import InvalidInputError
from ostraka.review.webhook_addresses import ForbiddenAddressError, Target, parse_target, resolve

SECRET_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_EXCERPT_BYTES: Final = 300
"""How much of a failing receiver's answer is read and kept."""

_MOST_ADDRESSES: Final = 4
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended; `status` is None where no answer came."""

    status: int | None
    error: str | None = None
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more, ever."""
        return self.status == 410

    @property
    def ill(self) -> bool:
        """Whether the receiver as a whole is at fault, and not this message."""
        return self.status is None or self.status >= 500 or self.status in (408, 429)


def new_secret() -> str:
    """A new signing secret, in the form that the libraries for receivers take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, moment: datetime, body: bytes) -> str:
    """The signature of one message by one secret."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook's secret is not base64") from None
    signed = f"{message_id}.{int(moment.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


def headers(
    keys: Sequence[str], message_id: str, moment: datetime, body: bytes
) -> Mapping[str, str]:
    """The headers of one attempt; several secrets give several signatures, any of which will do."""
    return {
        "content-type": "application/json",
        "user-agent": f"ostraka/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signature(key, message_id, moment, body) for key in keys),
    }


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes of a message, the same on every attempt."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


class Sender:
    """Sends messages. Threads may share it.

    Args:
        seconds: longest time for an attempt, from looking up the name to the answer.
        private: whether addresses that are not public, and plain HTTP, are allowed.
    """

    def __init__(self, seconds: float, *, private: bool) -> None:
        self._seconds = seconds
        self._private = private
        self._trust = httpx.create_ssl_context()

    def send(self, url: str, head: Mapping[str, str], body: bytes) -> Answer:
        """Make one attempt. Whatever goes wrong is in the answer."""
        try:
            target = parse_target(url, private=self._private)
            return asyncio.run(self._within_time(target, head, body))
        except InvalidInputError as error:
            return Answer(None, error.message)
        except ForbiddenAddressError as error:
            return Answer(None, str(error))
        except TimeoutError:
            return Answer(None, f"no answer within {self._seconds:g} seconds")
        except (httpx.HTTPError, ssl.SSLError, OSError, UnicodeError) as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:_EXCERPT_BYTES])

    async def _within_time(self, target: Target, head: Mapping[str, str], body: bytes) -> Answer:
        async with asyncio.timeout(self._seconds):
            addresses = await asyncio.to_thread(resolve, target, private=self._private)
            async with _client(self._trust) as client:
                return await _try_each(client, target, addresses[:_MOST_ADDRESSES], head, body)


def _client(trust: ssl.SSLContext) -> httpx.AsyncClient:
    # No proxy from the environment: it would resolve the name once more, and by itself.
    return httpx.AsyncClient(verify=trust, trust_env=False, follow_redirects=False, timeout=None)


async def _try_each(
    client: httpx.AsyncClient,
    target: Target,
    addresses: Sequence[str],
    head: Mapping[str, str],
    body: bytes,
) -> Answer:
    for address in addresses[:-1]:
        try:
            return await _post(client, target, address, head, body)
        except httpx.ConnectError:
            continue
    return await _post(client, target, addresses[-1], head, body)


async def _post(
    client: httpx.AsyncClient, target: Target, address: str, head: Mapping[str, str], body: bytes
) -> Answer:
    async with client.stream(
        "POST",
        target.at(address),
        content=body,
        headers={"host": target.host_header, **head},
        extensions={"sni_hostname": target.host},  # the certificate is the name's
    ) as response:
        status = response.status_code
        if 200 <= status < 300:
            return Answer(status)
        why = f"answered {status}"
        if response.is_redirect:
            return Answer(status, f"{why}, a redirect, which is never followed")
        excerpt = await _excerpt(response)
        return Answer(status, f"{why}: {excerpt}" if excerpt else why, _retry_after(response))


async def _excerpt(response: httpx.Response) -> str:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= _EXCERPT_BYTES:
            break
    text = read[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _retry_after(response: httpx.Response) -> float | None:
    """The pause that a busy receiver asks for, in seconds; the form with a date is passed over."""
    asked = response.headers.get("retry-after", "")
    if not re.fullmatch(r"[0-9]{1,9}", asked):
        return None
    return min(float(asked), _LONGEST_WAIT)
