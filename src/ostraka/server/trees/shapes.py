"""Tasks, messages and contributors as `/api/v1` writes them, in Open-Assistant's shapes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ostraka.access.ring import now
from ostraka.server.trees.common import outside, written
from ostraka.trees import labels
from ostraka.trees.contributors import Contributor
from ostraka.trees.keyset import KeysetPage, Stretch
from ostraka.trees.offers import Offer, ShownMessage
from ostraka.trees.reading import MessageFacts
from ostraka.trees.selection import FAMILIES, TaskType
from ostraka.trees.states import WORKING, State
from ostraka.trees.statistics import Streak
from ostraka.trees.tables import TreeRevisionRow, TreeRow
from ostraka.trees.values import Role

_LABELS: Final = {label.name: label for label in labels.ALL}


def show_task(offer: Offer) -> dict[str, Any]:
    """A task: what its kind has, when it expires, and how it stands."""
    task: dict[str, Any] = {
        "id": outside(offer.id),
        "type": str(offer.kind),
        "lang": offer.language,
        "state": offer.state,
        "expires_at": written(offer.expires_at),
    }
    if offer.kind is TaskType.INITIAL_PROMPT:
        return task | {"hint": None}
    task["conversation"] = {"messages": [_blind(each) for each in offer.conversation]}
    if offer.kind in FAMILIES["ranking"]:
        return task | {
            "reply_messages": [_blind(each) for each in offer.replies],
            "replies": [each.text for each in offer.replies],
            "ranking_parent_id": outside(offer.message_id),
            "message_tree_id": outside(offer.tree_id),
            "reveal_synthetic": False,
        }
    if offer.kind is TaskType.PROMPTER_REPLY:
        return task | {"hint": None}
    if offer.kind is TaskType.ASSISTANT_REPLY:
        return task
    text = "prompt" if offer.kind is TaskType.LABEL_INITIAL_PROMPT else "reply"
    return task | {
        "message_id": outside(offer.message_id),
        "valid_labels": list(offer.labels),
        "mandatory_labels": list(offer.mandatory_labels),
        "mode": offer.mode,
        "disposition": offer.disposition,
        "labels": show_labels(offer.labels),
        text: offer.conversation[-1].text,
    }


def show_labels(names: Sequence[str]) -> list[dict[str, str]]:
    """Labels with what a page needs to ask for them."""
    return [
        {
            "name": name,
            "widget": _LABELS[name].widget,
            "display_text": _LABELS[name].display_text,
            "help_text": _LABELS[name].help_text,
        }
        for name in names
    ]


def show_message(
    facts: MessageFacts, reader: Contributor | None, names: Mapping[str, str], *, is_admin: bool
) -> dict[str, Any]:
    """A message. Who wrote it is for moderators, and for whoever wrote it."""
    row = facts.row
    is_author = reader is not None and row.author == reader.id
    return {
        "id": outside(row.id),
        "user_id": outside(row.author) if is_admin or is_author else None,
        "frontend_message_id": names.get(row.id),
        "text": row.text,
        "lang": row.language,
        "is_assistant": row.role == Role.ASSISTANT,
        "emojis": dict(facts.emojis),
        "user_emojis": list(facts.reader_emojis),
        "user_is_author": is_author if reader is not None else None,
        "synthetic": row.synthetic,
        "parent_id": outside(row.parent_id),
        "created_date": written(row.created_at),
        "review_result": row.accepted,
        "review_count": facts.review_count,
        "deleted": row.deleted,
        "edited": row.edited,
        "model_name": row.model_name,
        "message_tree_id": outside(row.tree_id),
        "ranking_count": facts.ranking_count,
        "rank": row.rank,
        "user": None,
    }


def show_tree_state(row: TreeRow) -> dict[str, Any]:
    """Where a tree is, and its limits."""
    return {
        "message_tree_id": outside(row.id),
        "state": row.state,
        "active": State(row.state) in WORKING,
        "goal_tree_size": row.goal_tree_size,
        "max_depth": row.max_depth,
        "max_children_count": row.max_children_count,
        "origin": row.origin,
    }


def show_revision(row: TreeRevisionRow, reader: Contributor | None) -> dict[str, Any]:
    """A text that a message had."""
    return {
        "id": outside(row.id),
        "text": row.text,
        "message_id": outside(row.message_id),
        "user_id": outside(row.editor),
        "created_date": written(row.created_at),
        "user_is_author": reader is not None and row.editor == reader.id,
    }


def show_contributor(contributor: Contributor) -> dict[str, Any]:
    """A contributor's profile. `enabled` says whether they were banned."""
    streak = None
    if contributor.streak_began is not None and contributor.last_active_at is not None:
        streak = Streak(contributor.streak_began, contributor.last_active_at)
    return {
        "user_id": outside(contributor.id),
        "id": contributor.username,
        "display_name": contributor.display_name,
        "auth_method": contributor.auth_method,
        "enabled": contributor.enabled,
        "deleted": contributor.erased_at is not None,
        "notes": contributor.notes,
        "created_date": written(contributor.created_at),
        "show_on_leaderboard": contributor.show_on_leaderboard,
        "streak_days": streak.days(now()) if streak else None,
        "streak_last_day_date": written(streak.began) if streak else None,
        "last_activity_date": written(contributor.last_active_at),
        "tos_acceptance_date": written(contributor.terms_accepted_at),
    }


def page_shape(
    places: Sequence[str], page: KeysetPage[Any], sort_key: str, stretch: Stretch
) -> dict[str, Any]:
    """What a page says of itself: the places from which to go back and on."""
    return {
        "prev": places[0] if places and page.has_previous else None,
        "next": places[-1] if places and page.has_next else None,
        "sort_key": sort_key,
        "order": "desc" if stretch.descending else "asc",
    }


def _blind(message: ShownMessage) -> dict[str, Any]:
    """A message in a task: nothing of who wrote it, or what others made of it."""
    return {
        "id": outside(message.id),
        "user_id": None,
        "frontend_message_id": None,
        "text": message.text,
        "lang": message.language,
        "is_assistant": message.role is Role.ASSISTANT,
        "emojis": {},
        "user_emojis": [],
        "user_is_author": None,
        "synthetic": False,
    }
