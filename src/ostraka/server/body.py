"""Read a request's JSON body within limits, and check the texts in it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from ostraka.errors import InvalidInputError
from ostraka.settings import Settings
from ostraka.wire import read_bounded

_decode = msgspec.json.Decoder().decode


async def read_object(request: Request, settings: Settings) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        TooLargeError: more bytes than `max_body_bytes`.
        InvalidInputError: no JSON, or no object.
    """
    raw = await read_bounded(request, settings.max_body_bytes)
    try:
        body = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(
            f"We could not parse the JSON body of your request: {error}", code="invalid_json"
        ) from error
    if not isinstance(body, dict):
        raise InvalidInputError("The request body must be a JSON object.", code="invalid_type")
    return body


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
    for index, text in enumerate(texts):
        if len(text) > settings.max_text_characters:
            where = f"{field}[{index}]" if len(texts) > 1 else field
            raise InvalidInputError(
                f"'{where}' has {len(text)} characters; this server takes at most "
                f"{settings.max_text_characters}.",
                field=field,
                code="string_above_max_length",
            )
