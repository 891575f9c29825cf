"""Read a request's JSON body within limits, and check the texts in it."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request

from ostraka.errors import InvalidInputError, UnsupportedMediaTypeError
from ostraka.settings import Settings
from ostraka.wire import read_bounded

_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_JSON_SUFFIX: Final = re.compile(rb"application/[\w.-]+\+json")
_HALF_CHARACTER: Final = re.compile(rb"\\u[dD][89abAB]\w\w(?!\\u[dD][c-fC-F])")
"""What clients send of a text that they cut in the middle of an emoji."""
_decode = msgspec.json.Decoder().decode


async def read_object(request: Request, settings: Settings) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        UnsupportedMediaTypeError: said to be something else than JSON, or compressed.
        TooLargeError: more bytes than `max_body_bytes`.
        InvalidInputError: no JSON, or no object.
    """
    check_media_type(request)
    raw = await read_bounded(request, settings.max_body_bytes)
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        half = _HALF_CHARACTER.search(raw)
        reason = f"{half[0].decode()} is half a character (a lone surrogate)" if half else error
        raise InvalidInputError(
            f"We could not parse the JSON body of your request: {reason}", code="invalid_json"
        ) from error
    if not isinstance(body, dict):
        raise InvalidInputError("The request body must be a JSON object.", code="invalid_type")
    return body


def check_media_type(request: Request) -> None:
    """Take JSON only, as it is. What names no type is tried as JSON.

    This also keeps pages of other sites from posting forms and plain text through a browser; what
    browsers send without any type is the gate's to refuse.

    Raises:
        UnsupportedMediaTypeError: another type, or a compressed body.
    """
    for name, value in request.scope["headers"]:
        if name == b"content-type" and value and value.lower() not in _JSON:
            kind = value.partition(b";")[0].strip().lower()
            if kind != b"application/json" and not _JSON_SUFFIX.fullmatch(kind):
                raise UnsupportedMediaTypeError(
                    f"This server takes application/json, not '{kind.decode('latin-1')}'."
                )
        elif name == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise UnsupportedMediaTypeError(
                "This server takes no compressed bodies; send it without 'content-encoding'.",
                code="unsupported_content_encoding",
            )


def check_texts(texts: Sequence[str], settings: Settings, field: str) -> None:
    """Hold the number and lengths of `texts` against the limits.

    Raises:
        InvalidInputError: too many texts, or one too long; names the field and the limit.
    """
    if len(texts) > settings.max_items:
        raise InvalidInputError(
            f"'{field}' has {len(texts)} items; this server takes at most {settings.max_items}.",
            field=field,
            code="too_many_inputs",
        )
    most = settings.max_text_characters
    if max(map(len, texts), default=0) <= most:
        return
    for index, text in enumerate(texts):
        if len(text) > most:
            where = f"{field}[{index}]" if len(texts) > 1 else field
            raise InvalidInputError(
                f"'{where}' has {len(text)} characters; this server takes at most {most}.",
                field=field,
                code="string_above_max_length",
            )
