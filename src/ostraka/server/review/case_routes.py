"""The routes of queues, cases and decisions."""

from typing import Final

CASE_ROUTES: Final = (
    ("GET", "/api/queues", "cases", "queues"),
    ("GET", "/api/cases", "cases", "list_all"),
    ("POST", "/api/cases/claim", "cases", "claim"),
    ("GET", "/api/cases/skips", "cases", "skips"),
    ("GET", "/api/cases/{case_id}", "cases", "retrieve"),
    ("POST", "/api/cases/{case_id}/claim", "cases", "take"),
    ("POST", "/api/cases/{case_id}/heartbeat", "cases", "heartbeat"),
    ("POST", "/api/cases/{case_id}/release", "cases", "release"),
    ("POST", "/api/cases/{case_id}/skip", "cases", "skip_one"),
    ("POST", "/api/cases/{case_id}/decisions", "cases", "create_decision"),
    ("POST", "/api/decisions/bulk", "decisions", "bulk"),
    ("POST", "/api/decisions/bulk/preview", "decisions", "preview_bulk"),
    ("POST", "/api/decisions/bulk/{bulk_id}/undo", "decisions", "bulk_undo"),
    ("POST", "/api/decisions/{decision_id}/undo", "decisions", "undo_one"),
)
