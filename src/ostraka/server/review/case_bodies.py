"""What is sent to `/api/cases` and `/api/decisions`; imports no database, so that it can be
described without one.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from ostraka.server.review.bodies import NO_NUL
from ostraka.taxonomy import Action, ViolationType

MOST_IN_BULK: Final = 1_000
Name = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=NO_NUL)]
Reference = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=NO_NUL)]
Reasons = Annotated[str, Meta(max_length=10_000, extra_json_schema=NO_NUL)]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """Which queues to claim from; all that are open to the reviewer where none is named."""

    queues: Annotated[list[Name], Meta(max_length=100)] | None = None


class NewDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """What a reviewer says of a case."""

    action: Action
    violation: ViolationType = ViolationType.NONE
    reasons: Reasons = ""


class NewSkip(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a reviewer leaves a case to others."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000, extra_json_schema=NO_NUL)]


class NewUndo(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a decision is taken back."""

    reasons: Reasons = ""


class Which(Struct, frozen=True, forbid_unknown_fields=True):
    """Which items: by their ids, or all that fit every filter that is given."""

    item_ids: Annotated[list[Name], Meta(max_length=MOST_IN_BULK)] = []
    author: Reference | None = None
    thread_id: Reference | None = None
    action: Action | None = None
    violation: ViolationType | None = None


class BulkPreview(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be done to which items."""

    items: Which
    action: Action
    violation: ViolationType = ViolationType.NONE
    reasons: Reasons = ""


class BulkDecision(BulkPreview, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same as in a preview, with its token."""

    token: Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=NO_NUL)]
