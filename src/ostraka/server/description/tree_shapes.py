"""What `/api/v1` takes and answers, as the description shows it.

The bodies that need a user say so here; the door itself also takes one from a header.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from ostraka.server.trees import bodies
from ostraka.server.trees.bodies import User


class TaskRequest(bodies.TaskRequest, frozen=True, kw_only=True):
    """Who wants a task, of which kind (any unless said) and in which language (`en`)."""

    user: User


class TextReply(
    bodies.TextReply, frozen=True, kw_only=True, tag_field="type", tag="text_reply_to_message"
):
    """A prompt or reply was written. `message_id` is what the client calls the task,
    `user_message_id` what it will call the message; `task_id` finds a task without the former.
    """

    user: User


class MessageRanking(
    bodies.MessageRanking, frozen=True, kw_only=True, tag_field="type", tag="message_ranking"
):
    """Replies were ranked: `ranking` holds their places on the screen, from 0, best first.

    `tiers` says the same with equals together. With `not_rankable` the order counts for nothing.
    """

    user: User


class TextLabels(bodies.TextLabels, frozen=True, kw_only=True, tag_field="type", tag="text_labels"):
    """A message was labelled: for a task, or freely. `is_report` brings it before a moderator."""

    user: User


class MessageRating(
    bodies.MessageRating, frozen=True, kw_only=True, tag_field="type", tag="message_rating"
):
    """A summary was rated; no task asks for that any more."""

    user: User


Interaction = TextReply | MessageRanking | TextLabels | MessageRating


class Emoji(bodies.Emoji, frozen=True, kw_only=True):
    """A reaction to a message: put it on, take it away, or whichever of both changes something."""

    user: User


class Edit(bodies.Edit, frozen=True, kw_only=True):
    """Another text for a message, which is then reviewed anew."""

    user: User


class TreeFailure(Struct, forbid_unknown_fields=True):
    """An error of `/api/v1`: Open-Assistant's number, and our code, which means one thing.

    `field` names what is at fault and `valid` what it may be, where both are known.
    """

    message: str
    error_code: int
    code: str
    field: str | None
    request_id: str
    valid: str | list[str] | UnsetType = UNSET


class TaskMessage(Struct, forbid_unknown_fields=True, kw_only=True):
    """A message in a task: nothing says who wrote it, or what others made of it."""

    id: str
    user_id: None
    frontend_message_id: None
    text: str
    lang: str
    is_assistant: bool
    emojis: dict[str, int]
    user_emojis: list[str]
    user_is_author: None
    synthetic: bool


class TaskConversation(Struct, forbid_unknown_fields=True):
    """The messages from the prompt on."""

    messages: list[TaskMessage]


class HeldTask(Struct, forbid_unknown_fields=True, kw_only=True):
    """What every task has: how it stands, and until when its place is kept."""

    id: str
    lang: str
    state: Literal["open", "done", "skipped", "expired", "closed"]
    expires_at: str


class PromptTask(HeldTask, forbid_unknown_fields=True, kw_only=True):
    """Write a prompt."""

    type: Literal["initial_prompt"]
    hint: str | None


class ReplyTask(HeldTask, forbid_unknown_fields=True, kw_only=True):
    """Write the next message of a conversation, as the prompter or the assistant."""

    type: Literal["prompter_reply", "assistant_reply"]
    conversation: TaskConversation
    hint: str | UnsetType | None = UNSET


class RankingTask(HeldTask, forbid_unknown_fields=True, kw_only=True):
    """Rank replies to the last message of a conversation, in the order in which they are shown."""

    type: Literal["rank_prompter_replies", "rank_assistant_replies"]
    conversation: TaskConversation
    reply_messages: list[TaskMessage]
    replies: list[str]
    ranking_parent_id: str
    message_tree_id: str
    reveal_synthetic: bool


class LabelDescription(Struct, forbid_unknown_fields=True):
    """A label, and what a page needs to ask for it."""

    name: str
    widget: Literal["yes_no", "flag", "likert"]
    display_text: str
    help_text: str


class LabelTask(HeldTask, forbid_unknown_fields=True, kw_only=True):
    """Review the last message of a conversation with labels."""

    type: Literal["label_initial_prompt", "label_prompter_reply", "label_assistant_reply"]
    conversation: TaskConversation
    message_id: str
    valid_labels: list[str]
    mandatory_labels: list[str]
    mode: Literal["full", "simple"]
    disposition: Literal["quality", "spam"]
    labels: list[LabelDescription]
    prompt: str | UnsetType = UNSET
    reply: str | UnsetType = UNSET


TASKS = (PromptTask, ReplyTask, RankingTask, LabelTask)


class TaskDone(Struct, forbid_unknown_fields=True):
    """That an interaction was taken."""

    id: str
    type: Literal["task_done"]


class ExplainedAvailability(Struct, forbid_unknown_fields=True):
    """How much there is of each kind, and of kinds without any, why."""

    counts: dict[str, int]
    reasons: dict[str, list[str]]


class Renewed(Struct, forbid_unknown_fields=True):
    """Until when a task is held now."""

    expires_at: str


class ValidLabels(Struct, forbid_unknown_fields=True):
    """Labels."""

    valid_labels: list[LabelDescription]


class TreeMessage(Struct, forbid_unknown_fields=True, kw_only=True):
    """A message. `user_id` is for trusted clients, and for whoever wrote it."""

    id: str
    user_id: str | None
    frontend_message_id: str | None
    text: str
    lang: str
    is_assistant: bool
    emojis: dict[str, int]
    user_emojis: list[str]
    user_is_author: bool | None
    synthetic: bool
    parent_id: str | None
    created_date: str
    review_result: bool | None
    review_count: int
    deleted: bool
    edited: bool
    model_name: str | None
    message_tree_id: str
    ranking_count: int
    rank: int | None
    user: dict[str, Any] | None


class TreeConversation(Struct, forbid_unknown_fields=True):
    """Messages in the order in which they answer each other."""

    messages: list[TreeMessage]


class MessageTree(Struct, forbid_unknown_fields=True):
    """Messages of one tree, parents before their replies."""

    id: str
    messages: list[TreeMessage]


class MessagePage(Struct, forbid_unknown_fields=True):
    """A page of messages; `after=next` goes on, `before=prev` back."""

    prev: str | None
    next: str | None
    sort_key: str
    order: Literal["asc", "desc"]
    items: list[TreeMessage]


class TreeState(Struct, forbid_unknown_fields=True):
    """Where a tree is, and its limits."""

    message_tree_id: str
    state: str
    active: bool
    goal_tree_size: int
    max_depth: int
    max_children_count: int
    origin: str | None


class Revision(Struct, forbid_unknown_fields=True):
    """A text that a message had."""

    id: str
    text: str
    message_id: str
    user_id: str | None
    created_date: str
    user_is_author: bool


class TreeContributor(Struct, forbid_unknown_fields=True, kw_only=True):
    """A contributor. `id` is what their client calls them, `enabled` whether they were banned."""

    user_id: str
    id: str
    display_name: str
    auth_method: str
    enabled: bool
    deleted: bool
    notes: str
    created_date: str
    show_on_leaderboard: bool
    streak_days: int | None
    streak_last_day_date: str | None
    last_activity_date: str | None
    tos_acceptance_date: str | None


class ContributorPage(Struct, forbid_unknown_fields=True):
    """A page of contributors; `after=next` goes on, `before=prev` back."""

    prev: str | None
    next: str | None
    sort_key: str
    order: Literal["asc", "desc"]
    items: list[TreeContributor]
