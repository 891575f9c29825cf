"""The objects of an OASST file, one a line: trees, or messages alone."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from ostraka.errors import InvalidInputError
from ostraka.trees.values import Role


def _with_zone(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Annotated[
    datetime, AfterValidator(_with_zone), PlainSerializer(datetime.isoformat, return_type=str)
]


class Part(BaseModel):
    """What files of others hold besides is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ExportedLabel(Part):
    """The mean of a label over the reviews that gave it, and how many those were."""

    value: float
    count: int


class ExportedMessage(Part):
    """A message: with its replies in a tree, with its tree's id and state alone."""

    message_id: str
    parent_id: str | None = None
    user_id: str | None = None
    created_date: Moment | None = None
    text: str
    role: Role
    lang: str | None = None
    review_count: int | None = None
    review_result: bool | None = None
    deleted: bool | None = None
    rank: int | None = None
    synthetic: bool | None = None
    model_name: str | None = None
    emojis: dict[str, int] | None = None
    replies: "list[ExportedMessage] | None" = None
    labels: dict[str, ExportedLabel] | None = None
    events: dict[str, list[dict[str, Any]]] | None = None
    detoxify: dict[str, float] | None = None
    message_tree_id: str | None = None
    tree_state: str | None = None


class ExportedTree(Part):
    """A whole tree."""

    message_tree_id: str
    tree_state: str | None = None
    prompt: ExportedMessage
    origin: str | None = None

    def messages(self) -> Iterator[ExportedMessage]:
        """Every message, parents before their replies."""
        waiting = [self.prompt]
        while waiting:
            message = waiting.pop()
            yield message
            waiting.extend(reversed(message.replies or []))


class Line(Part):
    """What tells the two kinds of object apart."""

    message_id: str = Field(default="")
    message_tree_id: str = Field(default="")


def to_line(entry: ExportedTree | ExportedMessage) -> str:
    """One line of a file; fields that are null are left out."""
    return json.dumps(entry.model_dump(mode="json", exclude_none=True), ensure_ascii=False)


def read_lines(lines: Iterable[str]) -> Iterator[ExportedTree | ExportedMessage]:
    """The objects of a file; empty lines are passed over.

    Raises:
        InvalidInputError: a line that is none, with its number and the field at fault.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            kind = Line.model_validate_json(line)
            if not (kind.message_id or kind.message_tree_id):
                raise InvalidInputError(
                    f"line {number}: neither a tree, which has a message_tree_id, nor a message, "
                    "which has a message_id",
                    code="invalid_line",
                )
            model = ExportedMessage if kind.message_id else ExportedTree
            yield model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            place = f"line {number}, {field}" if field else f"line {number}"
            raise InvalidInputError(
                f"{place}: {first['msg']}", field=field or None, code="invalid_line"
            ) from error


def gather(messages: Iterable[ExportedMessage]) -> tuple[list[ExportedTree], list[str]]:
    """Trees out of messages that stand alone, in any order, and the ids that found no tree."""
    known = {message.message_id: message for message in messages}
    replies: dict[str, list[str]] = {}
    for message in known.values():
        if message.parent_id is not None:
            replies.setdefault(message.parent_id, []).append(message.message_id)
    used: set[str] = set()

    def whole(message: ExportedMessage) -> ExportedMessage:
        used.add(message.message_id)
        below = [whole(known[each]) for each in replies.get(message.message_id, ())]
        return message.model_copy(
            update={"replies": below or None, "message_tree_id": None, "tree_state": None}
        )

    trees = [
        ExportedTree(
            message_tree_id=root.message_id, tree_state=root.tree_state, prompt=whole(root)
        )
        for root in known.values()
        if root.parent_id is None
    ]
    return trees, [each for each in known if each not in used]
