"""Where the handlers of `/api/v1/…` are; imports none of them."""

from typing import Final

from fastapi import FastAPI

from ostraka.server.lazily import lazily
from ostraka.server.trees.admin_routes import ADMIN_ROUTES

Route = tuple[str, str, str, str]
_ROOM: Final = "ostraka.server.trees"
_READS: Final = (
    ("", "messages", "show"),
    ("/conversation", "messages", "show_conversation"),
    ("/tree", "messages", "show_tree"),
    ("/tree/state", "messages", "show_state"),
    ("/children", "messages", "show_children"),
    ("/descendants", "messages", "show_descendants"),
    ("/longest_conversation_in_tree", "messages", "show_longest"),
    ("/max_children_in_tree", "messages", "show_most_replies"),
)
TASK_ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/api/v1/tasks/", "tasks", "take"),
    ("POST", "/api/v1/tasks/availability", "tasks", "availability"),
    ("POST", "/api/v1/tasks/interaction", "interactions", "interact"),
    ("POST", "/api/v1/tasks/close", "tasks", "close"),
    ("GET", "/api/v1/tasks/{task_id}", "tasks", "show"),
    ("POST", "/api/v1/tasks/{task_id}/ack", "tasks", "acknowledge"),
    ("POST", "/api/v1/tasks/{task_id}/nack", "tasks", "refuse"),
    ("POST", "/api/v1/tasks/{task_id}/undo_nack", "tasks", "take_back"),
    ("POST", "/api/v1/tasks/{task_id}/renew", "tasks", "renew"),
    ("POST", "/api/v1/text_labels/", "labels", "label"),
    ("GET", "/api/v1/text_labels/valid_labels", "labels", "valid_labels"),
    ("GET", "/api/v1/text_labels/report_labels", "labels", "report_labels"),
)
MESSAGE_ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/api/v1/messages/", "messages", "list_all"),
    ("GET", "/api/v1/messages/cursor", "messages", "page"),
    *(
        ("GET", f"/api/v1/{of}{end}", module, name)
        for of in ("messages/{message_id}", "frontend_messages/{frontend_id}")
        for end, module, name in _READS
    ),
    ("PUT", "/api/v1/messages/{message_id}/tree/state", "changing", "change_state"),
    ("DELETE", "/api/v1/messages/{message_id}", "changing", "delete"),
    ("PUT", "/api/v1/messages/{message_id}/undelete", "changing", "undelete"),
    ("POST", "/api/v1/messages/{message_id}/edit", "changing", "edit"),
    ("GET", "/api/v1/messages/{message_id}/history", "changing", "history"),
    ("POST", "/api/v1/messages/{message_id}/emoji", "changing", "react"),
)
USER_ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/api/v1/auth/check", "users", "check_sign_in"),
    ("GET", "/api/v1/users/by_username", "users", "by_username"),
    ("GET", "/api/v1/users/by_display_name", "users", "by_display_name"),
    ("GET", "/api/v1/users/cursor", "users", "page"),
    ("GET", "/api/v1/users/{user_id}", "users", "show"),
    ("GET", "/api/v1/users/{user_id}/messages", "users", "list_messages"),
    ("GET", "/api/v1/users/{user_id}/messages/cursor", "users", "page_messages"),
    ("POST", "/api/v1/frontend_users/", "users", "upsert"),
    ("GET", "/api/v1/frontend_users/{auth_method}/{username}", "users", "show"),
    ("GET", "/api/v1/frontend_users/{auth_method}/{username}/messages", "users", "list_messages"),
    (
        "GET",
        "/api/v1/frontend_users/{auth_method}/{username}/messages/cursor",
        "users",
        "page_messages",
    ),
)
_ROUTES: Final = (*TASK_ROUTES, *MESSAGE_ROUTES, *USER_ROUTES, *ADMIN_ROUTES)


def add_routes(app: FastAPI) -> None:
    """Add every route; of two that fit a path, the first one answers."""
    for method, path, module, name in _ROUTES:
        app.add_route(path, lazily(f"{_ROOM}.{module}", name), methods=[method])
