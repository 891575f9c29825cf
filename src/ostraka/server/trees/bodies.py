"""What `/api/v1` takes. Fields that are not named here are passed over, as clients send some.

Imports nothing that is slow: the description of the API names these too.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from ostraka.trees.labels import NAMES

MOST_NAME: Final = 200
MOST_TEXT: Final = 65_536
"""Characters of a text; the configuration allows messages fewer."""

_NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}

LANGUAGE_PATTERN: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$"
Language = Annotated[str, Meta(pattern=LANGUAGE_PATTERN, max_length=35)]
AuthMethod = Literal["discord", "google", "local", "system"]
ClientId = Annotated[str, Meta(min_length=1, max_length=MOST_NAME, extra_json_schema=_NO_NUL)]
"""What a client calls a task or message."""
MessageId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The id of a message.")
]
Reason = Annotated[str, Meta(max_length=512, extra_json_schema=_NO_NUL)]
LongText = Annotated[str, Meta(max_length=MOST_TEXT, extra_json_schema=_NO_NUL)]
Share = (
    Annotated[float, Meta(ge=0, le=1)]
    | Annotated[str, Meta(pattern=r"^(0|1|0?\.[0-9]{1,9}|1\.0)$")]
)
"""A number from 0 to 1, also as text: clients send both."""
LabelName = Literal[NAMES]  # type: ignore[valid-type]  # the names are a constant
Labels = (
    Annotated[
        dict[LabelName, Share], Meta(extra_json_schema={"propertyNames": {"enum": list(NAMES)}})
    ]
    | Annotated[list[Any], Meta(max_length=0)]
)
"""By name; an empty list is what one client sends for none."""

RequestType = Literal[
    "random",
    "summarize_story",
    "rate_summary",
    "initial_prompt",
    "prompter_reply",
    "assistant_reply",
    "rank_initial_prompts",
    "rank_prompter_replies",
    "rank_assistant_replies",
    "label_initial_prompt",
    "label_assistant_reply",
    "label_prompter_reply",
]


class User(Struct, frozen=True):
    """The contributor, as the client knows them; one who is new is kept from then on."""

    id: Annotated[str, Meta(max_length=MOST_NAME, pattern=r"^[^\u0000\s][^\u0000]*$")]
    display_name: Annotated[str, Meta(max_length=MOST_NAME, extra_json_schema=_NO_NUL)]
    auth_method: AuthMethod


class TaskRequest(Struct, frozen=True):
    """Who wants a task, of which kind and in which language."""

    type: RequestType = "random"
    user: User | None = None
    collective: bool = False
    lang: Language | None = None


class TaskAcknowledgement(Struct, frozen=True):
    """What the client calls the task from now on."""

    message_id: ClientId


class TaskRefusal(Struct, frozen=True):
    """Why a contributor does not do a task."""

    reason: Reason | None = None


class TaskClose(Struct, frozen=True):
    """What the client calls the task that is to be given back."""

    message_id: ClientId


class TextReply(Struct, frozen=True, tag_field="type", tag="text_reply_to_message"):
    """A prompt or reply was written. `message_id` is what the client calls the task,
    `user_message_id` what it will call the message; `task_id` finds the task without the former.
    """

    message_id: ClientId
    user_message_id: ClientId
    text: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT, extra_json_schema=_NO_NUL)]
    user: User | None = None
    lang: Language | None = None
    task_id: MessageId | None = None


class MessageRanking(Struct, frozen=True, tag_field="type", tag="message_ranking"):
    """Replies were ranked: `ranking` holds their places on the screen, from 0, best first.

    `tiers` says the same with equals together. With `not_rankable` the order counts for nothing.
    """

    message_id: ClientId
    ranking: Annotated[
        list[Annotated[int, Meta(ge=0, lt=1000)]], Meta(min_length=1, max_length=1000)
    ]
    user: User | None = None
    not_rankable: bool | None = None
    tiers: list[Annotated[list[Annotated[int, Meta(ge=0, lt=1000)]], Meta(min_length=1)]] | None = (
        None
    )
    task_id: MessageId | None = None


class TextLabels(Struct, frozen=True, tag_field="type", tag="text_labels"):
    """A message was labelled: for a task, or freely. `is_report` brings it before a moderator."""

    text: LongText
    labels: Labels
    message_id: MessageId | None = None
    user: User | None = None
    task_id: MessageId | None = None
    is_report: bool | None = None


class MessageRating(Struct, frozen=True, tag_field="type", tag="message_rating"):
    """A summary was rated; no task asks for that any more."""

    message_id: ClientId
    rating: Annotated[int, Meta(ge=1, le=1000)]
    user: User | None = None


Interaction = TextReply | MessageRanking | TextLabels | MessageRating


class Emoji(Struct, frozen=True):
    """A reaction to a message: put it on, take it away, or whichever of both changes something."""

    emoji: Literal[
        "+1",
        "-1",
        "red_flag",
        "100",
        "rofl",
        "clap",
        "diamond",
        "heart_eyes",
        "disappointed",
        "poop",
        "skull",
    ]
    user: User | None = None
    op: Literal["toggle", "add", "remove"] = "toggle"


class Edit(Struct, frozen=True):
    """Another text for a message, which is then reviewed anew."""

    new_content: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT, extra_json_schema=_NO_NUL)]
    user: User | None = None


class Profile(User, frozen=True):
    """A contributor's profile. `enabled` is taken and changes nothing: no profile lifts a ban."""

    show_on_leaderboard: bool | None = None
    enabled: bool | None = None
    tos_acceptance: bool | None = None
    notes: Annotated[str, Meta(max_length=1024, extra_json_schema=_NO_NUL)] | None = None
