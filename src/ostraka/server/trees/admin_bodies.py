"""What the moderators' half of `/api/v1` takes."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from ostraka.server.trees.bodies import MessageId

MOST_NOTES: Final = 1024
MOST_MERGED: Final = 100
_NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}


class Merge(Struct, frozen=True):
    """Contributors who are one person, and the one of them who stays."""

    destination_user_id: MessageId
    source_user_ids: Annotated[list[MessageId], Meta(min_length=1, max_length=MOST_MERGED)]


class NewClient(Struct, frozen=True):
    """A program that is to speak this protocol. `trusted` lets it moderate."""

    description: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[ -~]*[!-~][ -~]*$")]
    frontend_type: Annotated[str, Meta(max_length=100, extra_json_schema=_NO_NUL)] = ""
    trusted: bool = False
    admin_email: Annotated[str, Meta(max_length=200, extra_json_schema=_NO_NUL)] | None = None
