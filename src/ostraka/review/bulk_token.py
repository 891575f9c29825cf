"""The token of a bulk decision's preview: a digest of all that the preview showed. Pure."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any


def token_of(act: Sequence[str], by: str, changes: Sequence[Sequence[Any]]) -> str:
    """What fits as long as the same act by the same person would change the same.

    `act` is the action, the violation and the reasons; `changes` are the items with what counts
    for them now and the cases that would be closed.
    """
    return sha256(json.dumps([list(act), by, changes]).encode()).hexdigest()
