"""What `/api/items`, `/api/reports`, `/api/appeals`, `/api/golden` and `/api/policies` take.

Imports nothing that is slow: the description of the API names these too.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ostraka.review.new_items import MOST_ITEMS, NewItem, Reference
from ostraka.taxonomy import ViolationType

NewItems = NewItem | Annotated[list[NewItem], Meta(min_length=1, max_length=MOST_ITEMS)]

MOST_REPLAYED: Final = 1_000_000
REPORTABLE: Final = [str(each) for each in ViolationType if each is not ViolationType.NONE]
NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}
Note = Annotated[str, Meta(max_length=2000, extra_json_schema=NO_NUL)]


class NewReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A report of an item, which is named by its id or by the caller's: one of the two.

    `reporter` is the caller's id of whoever reports.
    """

    reporter: Reference
    violation: Annotated[str, Meta(extra_json_schema={"enum": REPORTABLE})]
    item_id: Reference | None = None
    external_id: Reference | None = None
    note: Note | None = None


class NewAppeal(Struct, frozen=True, forbid_unknown_fields=True):
    """An appeal against what was done to an item, named by its id or by the caller's.

    An `author` who did not write the item is refused. `plausible` says whether the caller found
    the author's evidence plausible, for the policy.
    """

    reason: Annotated[str, Meta(min_length=1, max_length=5000, extra_json_schema=NO_NUL)]
    item_id: Reference | None = None
    external_id: Reference | None = None
    author: Reference | None = None
    plausible: bool | None = None


class NewGolden(Struct, frozen=True, forbid_unknown_fields=True):
    """The right decision on an item, and why it is."""

    action: Literal["approve", "warn", "remove", "ban_temporary", "ban_permanent"]
    violation: ViolationType = ViolationType.NONE
    reasons: Note = ""


class NewPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """A policy as TOML, and why it was written."""

    document: Annotated[str, Meta(min_length=1, extra_json_schema=NO_NUL)]
    note: Note = ""


class Activation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a policy is to act, and whether it may although it was never replayed on stored items,
    or has seen too few in shadow.
    """

    note: Note = ""
    without_backtest: bool = False
    without_shadow: bool = False


class BacktestOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """On which items a policy is replayed: the newest so many, from one moment up to another."""

    items: Annotated[int, Meta(ge=1, le=MOST_REPLAYED)] = 100_000
    since: str | None = None
    until: str | None = None


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something changes."""

    note: Note = ""
