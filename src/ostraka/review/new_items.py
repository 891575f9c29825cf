"""What a caller sends of an item, and how it is told from what was sent before."""

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from ostraka.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from ostraka.review.tables import ItemRow

MOST_ITEMS: Final = 100
"""In one call."""
MOST_REACH: Final = 2_000_000_000
MOST_METADATA_BYTES: Final = 16 * 2**10
_FIRST_ACCOUNT: Final = datetime(1970, 1, 1, tzinfo=UTC)

_encode = msgspec.json.Encoder(order="sorted").encode

_NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}
"""What the schema says of texts; a body with the character is refused when it is read."""

Reference = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_NO_NUL)]
"""An id in the caller's own system."""
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)]
Moment = Annotated[datetime, Meta(tz=True)]


class NewItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of content, as its caller sends it."""

    text: Annotated[str, Meta(min_length=1, extra_json_schema=_NO_NUL)]
    external_id: Reference | None = None
    """The caller's id. Sending the same id again keeps nothing twice."""
    author: Reference | None = None
    author_since: Moment | None = None
    """When the author's account was made."""
    thread_id: Reference | None = None
    parent_id: Reference | None = None
    """The caller's id of the item that this one answers."""
    language: Language | None = None
    source: Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=_NO_NUL)] | None = (
        None
    )
    reach: Annotated[int, Meta(ge=0, le=MOST_REACH)] = 0
    """How many people have seen it or will."""
    metadata: dict[str, Any] = {}
    """Anything else that policies may ask about."""


_COMPARED: Final = (
    "text",
    "author",
    "thread_id",
    "parent_id",
    "language",
    "source",
    "reach",
    "metadata",
)


def check(item: NewItem, most_characters: int, place: str = "") -> None:
    """Hold what a schema cannot say against the limits; `place` leads to the item.

    Raises:
        InvalidInputError: names the field, and what it may be.
    """
    if len(item.text) > most_characters:
        raise InvalidInputError(
            f"'{place}text' has {len(item.text)} characters; "
            f"this server takes at most {most_characters}.",
            field=f"{place}text",
            code="string_above_max_length",
            valid=f"up to {most_characters} characters",
        )
    if item.metadata and len(_encode(item.metadata)) > MOST_METADATA_BYTES:
        raise InvalidInputError(
            f"'{place}metadata' is too large.",
            field=f"{place}metadata",
            valid=f"up to {MOST_METADATA_BYTES} bytes",
        )
    if item.author_since is not None and item.author_since < _FIRST_ACCOUNT:
        raise InvalidInputError(
            f"'{place}author_since' is too long ago.",
            field=f"{place}author_since",
            valid=f"from {_FIRST_ACCOUNT:%Y} on",
        )


def fingerprint_of(item: NewItem) -> str:
    """What two items with the same external id must have in common, as one digest."""
    sent = [getattr(item, name) for name in _COMPARED]
    return hashlib.sha256(_encode(sent)).hexdigest()


def refuse_other(sent: NewItem, kept: "ItemRow", author: str | None, place: str) -> None:
    """Refuse other content under an id that is known.

    Raises:
        ConflictError: names the first field that differs.
    """
    known = f"The item '{sent.external_id}' is known"
    if kept.erased_at is not None:
        raise ConflictError(
            f"{known} and was erased on request; its id cannot come back.",
            field=f"{place}external_id",
            code="erased",
        )
    if kept.fingerprint == fingerprint_of(sent):
        return
    was = {name: getattr(kept, name, None) for name in _COMPARED}
    was |= {"author": author, "metadata": kept.details}
    field = next((name for name in _COMPARED if was[name] != getattr(sent, name)), "external_id")
    raise other_content(sent, f"{place}{field}")


def other_content(sent: NewItem, field: str) -> ConflictError:
    """The refusal of an item that is known with another value of a field."""
    name = field.rpartition(".")[2]
    return ConflictError(
        f"The item '{sent.external_id}' is known with another {name}; nothing was changed.",
        field=field,
        code="other_content",
    )
