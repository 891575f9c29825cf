"""Where the handlers of `/api/…` are; imports none of them."""

from typing import Final

from fastapi import FastAPI

from ostraka.server.lazily import Handler, lazily
from ostraka.server.review.case_routes import CASE_ROUTES
from ostraka.server.review.record_routes import RECORD_ROUTES

_ROOM: Final = "ostraka.server.review"
_ROUTES: Final[tuple[tuple[str, str, str, str], ...]] = (
    *RECORD_ROUTES,
    *CASE_ROUTES,
    ("GET", "/api/items", "items", "list_all"),
    ("GET", "/api/items/{item_id}", "items", "retrieve"),
    ("DELETE", "/api/items/{item_id}", "items", "delete"),
    ("GET", "/api/items/{item_id}/verdicts", "items", "verdicts"),
    ("GET", "/api/items/{item_id}/explain", "items", "explain"),
    ("POST", "/api/reports", "reports", "create"),
    ("POST", "/api/appeals", "appeals", "create"),
    ("GET", "/api/appeals", "appeals", "list_all"),
    ("GET", "/api/appeals/{appeal_id}", "appeals", "retrieve"),
    ("DELETE", "/api/appeals/{appeal_id}", "appeals", "delete"),
    ("POST", "/api/policies", "policies", "create"),
    ("GET", "/api/policies", "policies", "list_all"),
    ("GET", "/api/policies/active", "policies", "active"),
    ("GET", "/api/policies/activations", "policies", "activations"),
    ("POST", "/api/policies/rollback", "policies", "rollback"),
    ("GET", "/api/policies/{digest}", "policies", "retrieve"),
    ("POST", "/api/policies/{digest}/activate", "policies", "activate"),
    ("POST", "/api/policies/{digest}/shadow", "policies", "start_shadow"),
    ("DELETE", "/api/policies/{digest}/shadow", "policies", "stop_shadow"),
    ("GET", "/api/policies/{digest}/shadow", "trials", "show_shadow"),
    ("POST", "/api/policies/{digest}/backtest", "trials", "make_backtest"),
    ("GET", "/api/policies/{digest}/backtest", "trials", "show_backtest"),
    ("GET", "/api/shadow", "trials", "show_shadows"),
    ("GET", "/api/quality", "insights", "quality"),
    ("GET", "/api/insights", "insights", "insights"),
    ("GET", "/api/golden", "golden", "every"),
    ("POST", "/api/golden/{item_id}", "golden", "name"),
    ("DELETE", "/api/golden/{item_id}", "golden", "retire"),
)
BUSY_ROUTES: Final[dict[str, Handler]] = {"/api/items": lazily(f"{_ROOM}.items", "submit")}
"""For `Shortcut`."""


def add_routes(app: FastAPI) -> None:
    """Add every route; of two that fit a path, the first one answers."""
    for path, handler in BUSY_ROUTES.items():
        app.add_route(path, handler, methods=["POST"])
    for method, path, module, name in _ROUTES:
        app.add_route(path, lazily(f"{_ROOM}.{module}", name), methods=[method])
