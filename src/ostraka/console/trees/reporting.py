"""Report a message that a task shows."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ostraka.errors import InvalidInputError
from ostraka.trees import remarks
from ostraka.trees.offers import Offer
from ostraka.trees.store import TreeStore

REASONS: Final = MappingProxyType(
    {
        "spam": "It is spam",
        "hate_speech": "It is hate speech",
        "pii": "It holds personal data",
        "sexual_content": "It is sexual",
        "violence": "It is violent",
        "toxicity": "It is rude",
        "not_appropriate": "It is not appropriate for another reason",
    }
)
"""What can be wrong with a message, by the label that a report gives it."""

_LONGEST: Final = 2_000


def report_shown(
    store: TreeStore, offer: Offer, form: Mapping[str, str], contributor: str, now: datetime
) -> None:
    """Report a message of the task's conversation, or a reply to rank.

    Raises:
        InvalidInputError: the task shows no such message, or nothing is said to be wrong with it.
    """
    shown = [each.id for each in (*offer.conversation, *offer.replies)]
    message_id, label = form.get("message", ""), form.get("label", "")
    if message_id not in shown or offer.tree_id is None:
        raise InvalidInputError("Say which message you mean.", field="message")
    if label not in REASONS:
        raise InvalidInputError("Say what is wrong with it.", field="label", valid=list(REASONS))
    reason = form.get("reason", "").strip()[:_LONGEST]
    message = (offer.tree_id, message_id)
    remarks.report(store, contributor, {label: 1.0}, reason, now, message)
