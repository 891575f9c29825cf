"""`/api/webhooks`, `/api/audit`, statements of reasons and the transparency report, described."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.review.events import DELIVERY_STATES, EVENTS, TEST_EVENT
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.shared import OURS

WEBHOOK_ID: Final = "webhook_01a1fefbd7707848afcaff2ec3ee5da8"
DELIVERY_ID: Final = "delivery_01a1fefbd7707848afcaff2ec3ee5da9"
STATED_ITEM_ID: Final = "item_01a1fefbd7707848afcaff2ec3ee5daa"
STATED_DECISION_ID: Final = "decision_01a1fefbd7707848afcaff2ec3ee5dab"


Url = Annotated[str, Meta(min_length=1, max_length=2000)]
Event = Annotated[str, Meta(extra_json_schema={"enum": list(EVENTS)})]
Events = Annotated[list[Event], Meta(min_length=1)]
Description = Annotated[str, Meta(max_length=200, pattern="^[ -~]*$")]
Overlap = Annotated[float, Meta(ge=0, le=30 * 86_400)]


class NewWebhook(Struct, forbid_unknown_fields=True):
    """A webhook to be: where it goes, and what it wants to hear of."""

    url: Url
    events: Events
    description: Description | UnsetType = UNSET


class WebhookChange(Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out or null stays."""

    url: Url | UnsetType | None = UNSET
    events: Events | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET


class Rotation(Struct, forbid_unknown_fields=True):
    """For how long messages are signed with the old secret too."""

    overlap_seconds: Overlap | UnsetType = UNSET


class Webhook(Struct, forbid_unknown_fields=True):
    """An address that hears of events. `secret` only where it was just made."""

    id: str
    created_at: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_at: str | None
    disabled_why: str | None
    failing_since: str | None
    failures: int
    previous_secret_until: str | None
    secret: str | UnsetType = UNSET


class Webhooks(Struct, forbid_unknown_fields=True):
    """All webhooks."""

    data: list[Webhook]


class Removed(Struct, forbid_unknown_fields=True):
    """What is no more."""

    id: str
    removed: bool


class Delivery(Struct, forbid_unknown_fields=True):
    """One event for one webhook. `payload`, what is sent, only where one is asked for."""

    id: str
    created_at: str
    webhook_id: str
    event: str
    state: str
    attempts: int
    status: int | None
    error: str | None
    delivered_at: str | None
    payload: dict[str, Any] | UnsetType = UNSET


class Deliveries(Struct, forbid_unknown_fields=True):
    """A page of deliveries."""

    data: list[Delivery]
    next_cursor: str | None


class Replayed(Struct, forbid_unknown_fields=True):
    """How many are on their way again; with `more`, ask once more."""

    replayed: int
    more: bool


class AuditEntry(Struct, forbid_unknown_fields=True):
    """One entry of the log, with what its hash covers."""

    sequence: int
    created_at: str
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    hash: str


class AuditLog(Struct, forbid_unknown_fields=True):
    """A page of entries, the newest first."""

    data: list[AuditEntry]
    next_cursor: str | None


class AuditHead(Struct, forbid_unknown_fields=True):
    """The newest entry; keep `head` where nobody can change it. An empty log has none."""

    sequence: int
    hash: str | None
    head: str | None


class AuditBreak(Struct, forbid_unknown_fields=True):
    """The first entry that is not what was written."""

    sequence: int
    damage: str
    message: str


class AuditVerification(Struct, forbid_unknown_fields=True):
    """What a walk over the log has found; `head` is the last entry up to which all is well."""

    whole: bool
    entries: int
    head: str | None
    broken: AuditBreak | None


class StatementOfReasons(Struct, forbid_unknown_fields=True):
    """`statement` in the fields of the EU's DSA Transparency Database, `text` for the author."""

    statement: dict[str, Any]
    text: str
    stands: bool


class TransparencyFigure(Struct, forbid_unknown_fields=True):
    """One number, and what it is broken down by."""

    figure: str
    action: str
    violation: str
    decided_by: str
    value: float | None
    unit: str


class Transparency(Struct, forbid_unknown_fields=True):
    """The figures of a period."""

    since: str
    until: str
    figures: list[TransparencyFigure]


_WEBHOOK: Final = Parameter("webhook_id", "path", "A webhook's id.", WEBHOOK_ID)
_DELIVERY: Final = Parameter("delivery_id", "path", "A delivery's id.", DELIVERY_ID)
_HEAD: Final = {"type": "string", "pattern": "^[0-9]{1,18}:[0-9a-f]{64}$"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_PAGES: Final = (
    query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 200}),
    query("cursor", "The `next_cursor` of an answer."),
)
_HOOKS: Final[dict[str, Any]] = {"tag": "Webhooks", "dialects": OURS}
_LOG: Final[dict[str, Any]] = {"tag": "Audit log", "dialects": OURS}
_REPORT: Final[dict[str, Any]] = {"tag": "Reports", "dialects": OURS, "also": (400,)}
_EXAMPLE: Final = {"url": "https://example.org/hook", "events": ["decision.made"]}


def _changing(id: str, path: str, summary: str, shape: Any, **more: Any) -> Operation:
    """A change of one webhook or delivery that takes no body."""
    return Operation(
        id=id,
        method=more.pop("method", "post"),
        path=path,
        summary=summary,
        shapes=(shape,),
        may_miss=True,
        also=(400, 409),
        **_HOOKS | more,
    )


_WEBHOOKS: Final = (
    Operation(
        id="add_webhook",
        method="post",
        path="/api/webhooks",
        summary="Add a webhook",
        description=f"Events: {', '.join(f'`{each}`' for each in EVENTS)}. Shows the secret, once.",
        request=NewWebhook,
        shapes=(Webhook,),
        requests={"of decisions": _EXAMPLE},
        also=(409,),
        **_HOOKS,
    ),
    Operation(
        id="list_webhooks",
        method="get",
        path="/api/webhooks",
        summary="List webhooks",
        shapes=(Webhooks,),
        also=(400,),
        **_HOOKS,
    ),
    _changing(
        "get_webhook",
        "/api/webhooks/{webhook_id}",
        "Get one webhook",
        Webhook,
        method="get",
        parameters=(_WEBHOOK,),
    ),
    _changing(
        "change_webhook",
        "/api/webhooks/{webhook_id}",
        "Change, enable or disable a webhook",
        Webhook,
        method="patch",
        parameters=(_WEBHOOK,),
        request=WebhookChange,
        requests={"enable": {"enabled": True}},
    ),
    _changing(
        "remove_webhook",
        "/api/webhooks/{webhook_id}",
        "Remove a webhook",
        Removed,
        method="delete",
        parameters=(_WEBHOOK,),
    ),
    _changing(
        "rotate_webhook_secret",
        "/api/webhooks/{webhook_id}/rotate",
        "Give a webhook a new secret",
        Webhook,
        parameters=(_WEBHOOK,),
        request=Rotation,
        requests={"an hour": {"overlap_seconds": 3600}},
    ),
    _changing(
        "test_webhook",
        "/api/webhooks/{webhook_id}/test",
        "Send a message that says nothing",
        Delivery,
        parameters=(_WEBHOOK,),
    ),
    _changing(
        "replay_dead_deliveries",
        "/api/webhooks/{webhook_id}/replay",
        "Send dead deliveries again",
        Replayed,
        parameters=(_WEBHOOK,),
    ),
    Operation(
        id="list_deliveries",
        method="get",
        path="/api/webhook-deliveries",
        summary="List deliveries; with `state=dead`, the dead letters",
        shapes=(Deliveries,),
        also=(400,),
        parameters=(
            query("webhook_id", "Only to this webhook."),
            query("state", "Only in this state.", {"enum": list(DELIVERY_STATES)}),
            query("event", "Only of this event.", {"enum": [*EVENTS, TEST_EVENT]}),
            *_PAGES,
        ),
        **_HOOKS,
    ),
    _changing(
        "get_delivery",
        "/api/webhook-deliveries/{delivery_id}",
        "Get one delivery, with what it sends",
        Delivery,
        method="get",
        parameters=(_DELIVERY,),
    ),
    _changing(
        "replay_delivery",
        "/api/webhook-deliveries/{delivery_id}/replay",
        "Send one delivery again, under the same id",
        Delivery,
        parameters=(_DELIVERY,),
    ),
)
_AUDIT: Final = (
    Operation(
        id="list_audit_entries",
        method="get",
        path="/api/audit",
        summary="List the audit log, the newest first",
        shapes=(AuditLog,),
        also=(400,),
        parameters=(
            query("actor", "Only what this person or key did."),
            query("act", "Only this act."),
            query("subject", "Only what was done to this id."),
            query("since", "From this moment on.", _MOMENT),
            query("until", "Before this moment.", _MOMENT),
            *_PAGES,
        ),
        **_LOG,
    ),
    Operation(
        id="get_audit_head",
        method="get",
        path="/api/audit/head",
        summary="The newest entry's place and hash, to be kept elsewhere",
        shapes=(AuditHead,),
        also=(400,),
        **_LOG,
    ),
    Operation(
        id="verify_audit_log",
        method="get",
        path="/api/audit/verification",
        summary="Walk the whole log and name the first entry that was tampered with",
        shapes=(AuditVerification,),
        also=(400,),
        parameters=(query("head", "What `/api/audit/head` once answered as `head`.", _HEAD),),
        **_LOG,
    ),
)
_REPORTS: Final = (
    Operation(
        id="get_statement_of_decision",
        method="get",
        path="/api/decisions/{decision_id}/statement",
        summary="The statement of reasons for a decision",
        shapes=(StatementOfReasons,),
        may_miss=True,
        parameters=(Parameter("decision_id", "path", "A decision's id.", STATED_DECISION_ID),),
        **_REPORT,
    ),
    Operation(
        id="get_statement_of_item",
        method="get",
        path="/api/items/{item_id}/statement",
        summary="The statement of reasons for what was done to an item last",
        shapes=(StatementOfReasons,),
        may_miss=True,
        parameters=(Parameter("item_id", "path", "An item's id.", STATED_ITEM_ID),),
        **_REPORT,
    ),
    Operation(
        id="get_transparency",
        method="get",
        path="/api/transparency",
        summary="The transparency report of a period",
        description="The last thirty days unless said otherwise.",
        shapes=(Transparency,),
        parameters=(
            query("since", "From this moment on.", _MOMENT),
            query("until", "Before this moment.", _MOMENT),
        ),
        **_REPORT,
    ),
)
OPERATIONS: Final = (*_WEBHOOKS, *_AUDIT, *_REPORTS)
