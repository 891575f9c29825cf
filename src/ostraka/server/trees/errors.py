"""Errors as Open-Assistant's clients read them: `error_code` is its number, `code` is ours.

Two of its numbers mean two things each, 2053 and 2106; each of our codes means one.
"""

from typing import Any, Final

GENERIC: Final = 0
NUMBERS: Final = {
    "invalid_api_key": 2,
    "insufficient_permissions": 2,
    "unavailable": 4,
    "rate_limit_exceeded": 429,
    "busy": 4,
    "no_task": 1006,
    "text_too_long": 1008,
    "text_repeated": 1009,
    "text_empty": 1010,
    "answered_already": 1011,
    "too_many_pending": 1012,
    "client_id_taken": 2000,
    "message_not_found": 2001,
    "message_erased": 2001,
    "message_deleted": 2010,
    "ranking_invalid": 2003,
    "task_type": 2004,
    "tree_not_found": 2006,
    "tree_closed": 2010,
    "tree_state": 2010,
    "user_incomplete": 2012,
    "wrong_message": 2050,
    "label_unknown": 2051,
    "label_missing": 2052,
    "own_message": 2053,
    "reviewed_already": 2053,
    "ranked_already": 2053,
    "task_not_found": 2100,
    "task_expired": 2101,
    "task_skipped": 2103,
    "task_acknowledged": 2103,
    "task_not_acknowledged": 2104,
    "task_done": 2105,
    "collective_tasks": 2106,
    "user_missing": 4000,
    "contributor_banned": 4001,
    "contributor_not_found": 4002,
    "terms_not_accepted": 4003,
    "emoji_unknown": 5000,
}
"""Open-Assistant's number of each of our codes; others are generic."""


def body_of(
    message: str, code: str, field: str | None, valid: Any | None, request_id: str
) -> dict[str, Any]:
    """An error as a body: what their clients read, then what ours add."""
    body: dict[str, Any] = {
        "message": message,
        "error_code": NUMBERS.get(code, GENERIC),
        "code": code,
        "field": field,
        "request_id": request_id,
    }
    return body if valid is None else body | {"valid": valid}
