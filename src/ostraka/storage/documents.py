"""How JSON columns are written: several times as fast as by the standard library."""

import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def written(value: Any) -> str:
    """A value as JSON; a float that is no number becomes null, as JSON knows none.

    What the fast encoder refuses, such as half a surrogate pair, is left to the standard library.
    """
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError):
        return json.dumps(value)
