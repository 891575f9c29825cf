"""Where the handlers of the moderators' half of `/api/v1/…` are; imports none of them."""

from typing import Final

Route = tuple[str, str, str, str]

ADMIN_ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/api/v1/stats/", "numbers", "system"),
    ("GET", "/api/v1/stats/tree_manager", "numbers", "tree_manager"),
    ("GET", "/api/v1/stats/tree_manager/state_counts", "numbers", "state_counts"),
    ("GET", "/api/v1/stats/tree_manager/message_counts", "numbers", "message_counts"),
    ("GET", "/api/v1/stats/cached", "numbers", "summaries"),
    ("GET", "/api/v1/stats/cached/{name}", "numbers", "summary"),
    ("POST", "/api/v1/stats/cached/update", "numbers", "update_summaries"),
    ("POST", "/api/v1/leaderboards/update", "boards", "update"),
    ("POST", "/api/v1/leaderboards/update/{frame}", "boards", "update"),
    ("GET", "/api/v1/leaderboards/{frame}", "boards", "leaderboard"),
    ("GET", "/api/v1/trollboards/{frame}", "boards", "trollboard"),
    ("GET", "/api/v1/users/{user_id}/stats", "boards", "stats"),
    ("GET", "/api/v1/users/{user_id}/stats/{frame}", "boards", "frame_stats"),
    ("GET", "/api/v1/users/{user_id}/stats/{frame}/window", "boards", "stats_window"),
    ("PUT", "/api/v1/users/{user_id}", "people", "change"),
    ("DELETE", "/api/v1/users/{user_id}", "people", "forget"),
    ("DELETE", "/api/v1/users/{user_id}/messages", "people", "delete_messages"),
    (
        "DELETE",
        "/api/v1/frontend_users/{auth_method}/{username}/messages",
        "people",
        "delete_messages",
    ),
    ("GET", "/api/v1/hf/text_toxicity", "numbers", "text_toxicity"),
    ("GET", "/api/v1/admin/backend_settings/public", "administration", "public_settings"),
    ("GET", "/api/v1/admin/backend_settings/full", "administration", "full_settings"),
    ("POST", "/api/v1/admin/api_client", "administration", "make_client"),
    ("POST", "/api/v1/admin/purge_user/{user_id}", "people", "purge"),
    ("POST", "/api/v1/admin/purge_user/{user_id}/messages", "people", "purge_messages"),
    ("POST", "/api/v1/admin/withdraw_user/{user_id}", "people", "withdraw"),
    ("POST", "/api/v1/admin/reinstate_user/{user_id}", "people", "reinstate"),
    ("POST", "/api/v1/admin/merge_users", "people", "merge"),
    ("GET", "/api/v1/admin/flagged_messages", "administration", "flagged"),
    ("GET", "/api/v1/admin/flagged_messages/cursor", "administration", "flagged_page"),
    (
        "POST",
        "/api/v1/admin/flagged_messages/{message_id}/processed",
        "administration",
        "process_flag",
    ),
    ("GET", "/api/v1/admin/near_duplicates", "administration", "near_duplicates"),
)
