"""Put the console into an application."""

from typing import Final

from starlette.applications import Starlette

from ostraka.console.assets import PREFIX
from ostraka.console.lazily import Deferred, Key
from ostraka.console.pages import Pages
from ostraka.console.playground import Playground

_JOBS = (
    ("GET", "", "jobs"),
    ("GET", "/jobs/{job_id}", "job"),
    ("GET", "/jobs/{job_id}/labels", "job_labels"),
    ("GET", "/jobs/{job_id}/losses.csv", "job_losses"),
    ("POST", "/jobs/{job_id}/start", "start"),
    ("POST", "/jobs/{job_id}/cancel", "cancel"),
    ("GET", "/files", "files"),
    ("GET", "/files/{file_id}", "file"),
)
_MODELS = (
    ("GET", "/models", "models"),
    ("GET", "/models/{model}", "model"),
    ("POST", "/models/{model}/describe", "describe"),
    ("POST", "/models/{model}/archive", "archive"),
    ("POST", "/models/{model}/unarchive", "unarchive"),
    ("GET", "/models/{model}/metrics.csv", "model_metrics"),
    ("GET", "/models/{model}/report/{name}", "picture"),
    ("GET", "/compare", "compare"),
    ("POST", "/compare", "compare"),
)
_TREES = (
    ("GET", "", "home"),
    ("GET", "/mine", "mine"),
    ("POST", "/terms", "terms"),
)
_TREE_BOARD = (
    ("GET", "/profile", "profile"),
    ("POST", "/profile", "save_profile"),
    ("GET", "/profile/export.json", "export"),
    ("GET", "/leaderboard", "leaderboard"),
)
_TREE_TASKS = (
    ("POST", "", "request"),
    ("GET", "/{task_id}", "task"),
    ("POST", "/{task_id}", "hand_in"),
    ("POST", "/{task_id}/check", "check"),
    ("POST", "/{task_id}/give-back", "give_back"),
    ("POST", "/{task_id}/renew", "renew"),
    ("POST", "/{task_id}/report", "report"),
    ("POST", "/{task_id}/skip", "skip"),
    ("POST", "/{task_id}/unskip", "unskip"),
)
_TREE_CONTRIBUTORS = (
    ("GET", "/{contributor_id}", "contributor"),
    ("POST", "/{contributor_id}/{act}", "act"),
)
_ALL_TREES = (
    ("GET", "", "trees"),
    ("GET", "/{tree_id}", "tree"),
    ("POST", "/{tree_id}/{event}", "act"),
    ("POST", "/{tree_id}/messages/{message_id}/{act}", "act_on_message"),
)
_JUDGE = (
    ("GET", "", "show"),
    ("POST", "/check", "check"),
    ("GET", "/cache/export", "export"),
    ("POST", "/cache/drop", "drop"),
)
_QUEUE = (("GET", "", "queue"), ("POST", "/start", "start"))
_CASES = (
    ("GET", "/{case_id}", "case"),
    ("GET", "/{case_id}/words", "words"),
    ("POST", "/{case_id}/decide", "decide"),
    ("POST", "/{case_id}/skip", "skip"),
    ("POST", "/{case_id}/release", "release"),
    ("POST", "/{case_id}/take", "take"),
    ("POST", "/{case_id}/heartbeat", "heartbeat"),
    ("POST", "/{case_id}/decisions/{decision_id}/undo", "undo"),
)
_APPEALS = (("GET", "", "appeals"),)
_ITEMS = (
    ("GET", "", "items"),
    ("POST", "/bulk", "preview"),
    ("POST", "/bulk/decide", "decide"),
    ("GET", "/bulk/{bulk_id}", "bulk"),
    ("POST", "/bulk/{bulk_id}/undo", "undo"),
    ("GET", "/{item_id}", "item"),
    ("GET", "/{item_id}/explain", "explain"),
)
_POLICIES = (
    ("GET", "", "policies"),
    ("GET", "/draft", "draft"),
    ("POST", "/draft", "write"),
    ("POST", "/rollback", "rollback"),
    ("GET", "/{digest}", "policy"),
    ("GET", "/{digest}/document", "document"),
    ("GET", "/{digest}/examples", "examples"),
    ("GET", "/{digest}/backtest", "backtest"),
    ("POST", "/{digest}/backtest", "start_backtest"),
    ("GET", "/{digest}/shadow", "shadow"),
    ("POST", "/{digest}/shadow", "start_shadow"),
    ("POST", "/{digest}/shadow/stop", "stop_shadow"),
    ("POST", "/{digest}/activate", "activate"),
)
_INSIGHTS = (("GET", "", "insights"), ("GET", "/{name}.csv", "table"))
_AUDIT = (
    ("GET", "", "audit"),
    ("GET", "/export.jsonl", "export"),
    ("POST", "/verify", "verify"),
    ("GET", "/{sequence}", "entry"),
)
_SIGNING_IN = (
    ("GET", "/sign-in", "show"),
    ("POST", "/sign-in", "password"),
    ("GET", "/sign-in/link/{token}", "link"),
    ("POST", "/sign-in/link/{token}", "link"),
    ("GET", "/sign-in/first/{token}", "first"),
    ("POST", "/sign-in/first/{token}", "first"),
    ("GET", "/sign-in/oidc", "oidc"),
    ("GET", "/sign-in/oidc/back", "oidc_back"),
    ("POST", "/sign-out", "sign_out"),
)
_PEOPLE = (
    ("GET", "", "people"),
    ("POST", "", "add"),
    ("GET", "/keys", "keys"),
    ("POST", "/keys", "create_key"),
    ("POST", "/keys/{key_id}/revoke", "revoke_key"),
    ("GET", "/{person_id}", "person"),
    ("POST", "/{person_id}/role", "set_role"),
    ("POST", "/{person_id}/disable", "disable"),
    ("POST", "/{person_id}/enable", "enable"),
    ("POST", "/{person_id}/link", "link"),
    ("POST", "/{person_id}/sessions/end", "end_session"),
    ("POST", "/{person_id}/sessions/{session_id}/end", "end_session"),
)
_WEBHOOKS = (
    ("GET", "", "webhooks"),
    ("POST", "", "add"),
    ("GET", "/deliveries", "deliveries"),
    ("GET", "/deliveries/{delivery_id}", "delivery"),
    ("POST", "/deliveries/{delivery_id}/replay", "replay"),
    ("GET", "/{webhook_id}", "webhook"),
    ("POST", "/{webhook_id}", "change"),
    ("POST", "/{webhook_id}/enable", "enable"),
    ("POST", "/{webhook_id}/disable", "disable"),
    ("POST", "/{webhook_id}/rotate", "rotate"),
    ("POST", "/{webhook_id}/test", "test"),
    ("POST", "/{webhook_id}/replay", "replay_dead"),
    ("POST", "/{webhook_id}/remove", "remove"),
)
_SETTINGS = (
    ("GET", "", "show"),
    ("POST", "/password", "password"),
    ("POST", "/look", "look"),
    ("POST", "/keys", "keys"),
    ("POST", "/choose", "choose"),
    ("POST", "/sessions/end", "end_session"),
    ("POST", "/sessions/{session_id}/end", "end_session"),
)
_PRACTICE = (
    ("GET", "", "show"),
    ("GET", "/{task_id}", "begin"),
    ("POST", "/{task_id}", "decide"),
)
_AREAS = (
    ("/training", "training.job_pages", "JobPages", _JOBS),
    ("/training", "training.model_pages", "ModelPages", _MODELS),
    ("/trees", "trees.home_pages", "HomePages", _TREES),
    ("/trees", "trees.board_pages", "BoardPages", _TREE_BOARD),
    ("/trees/tasks", "trees.task_pages", "TaskPages", _TREE_TASKS),
    ("/trees/all", "trees.moderator_pages", "ModeratorPages", _ALL_TREES),
    (
        "/trees/contributors",
        "trees.contributor_pages",
        "ContributorPages",
        _TREE_CONTRIBUTORS,
    ),
    ("/judge", "judge.pages", "JudgePages", _JUDGE),
    ("/queue", "review.queue_pages", "QueuePages", _QUEUE),
    ("/cases", "review.case_pages", "CasePages", _CASES),
    ("/appeals", "review.appeal_pages", "AppealPages", _APPEALS),
    ("/items", "review.item_pages", "ItemPages", _ITEMS),
    ("/policies", "oversight.policy_pages", "PolicyPages", _POLICIES),
    ("/insights", "oversight.insight_pages", "InsightPages", _INSIGHTS),
    ("/audit", "oversight.audit_pages", "AuditPages", _AUDIT),
    ("/practice", "practice.pages", "PracticePages", _PRACTICE),
    ("", "people.signing_in", "SignInPages", _SIGNING_IN),
    ("/people", "people.people_pages", "PeoplePages", _PEOPLE),
    ("/webhooks", "webhooks.pages", "WebhookPages", _WEBHOOKS),
    ("/settings", "people.settings_pages", "SettingsPages", _SETTINGS),
)
"""Address, module, class and routes of each area; imported with its first request."""

_KEYS: Final = {
    "/training": Key("Training", "train", "ostraka jobs"),
    "/judge": Key("LLM judge", "admin", "ostraka judge"),
}
"""Areas that an API key opens as well, for servers where nobody signs in."""

_SHOWN_UNDER = {
    "": "/sign-in",
    "/cases": "/queue",
    "/trees/tasks": "/trees",
    "/trees/all": "/trees",
    "/trees/contributors": "/trees",
}
"""Areas without a place of their own in the rail."""


def mount(app: Starlette) -> None:
    """Add the pages and their static files; `app.state.ostraka` must offer `Services`."""
    pages = Pages()
    playground = Playground(pages)
    for method, path, handler in (
        ("GET", "/", playground.show),
        ("GET", "/playground", playground.back),
        ("GET", "/playground/score", playground.back),
        ("POST", "/playground/score", playground.score),
        ("GET", PREFIX + "{name}", pages.assets.serve),
    ):
        app.add_route(path, handler, methods=[method], include_in_schema=False)
    for address, module, name, routes in _AREAS:
        here = _SHOWN_UNDER.get(address, address)
        area = Deferred(pages, f"ostraka.console.{module}", name, here=here, key=_KEYS.get(here))
        for method, path, handler_name in routes:
            app.add_route(
                f"{address}{path}",
                area.handler(handler_name),
                methods=[method],
                include_in_schema=False,
            )
