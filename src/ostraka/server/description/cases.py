"""`/api/queues`, `/api/cases` and `/api/decisions`, described."""

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from ostraka.review.bulk_token import token_of
from ostraka.server.description.items import Item, ItemVerdict
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.shared import KEY, OURS, PAGE
from ostraka.server.review.case_bodies import (
    BulkDecision,
    BulkPreview,
    Claim,
    NewDecision,
    NewSkip,
    NewUndo,
)

CASE_ID: Final = "case_01a1fe0000007000800000000000000b"
DECISION_ID: Final = "decision_01a1fe0000007000800000000000000b"
BULK_ID: Final = "bulk_01a1fe0000007000800000000000000b"
_BULK: Final = {"items": {"thread_id": "thread-17"}, "action": "remove", "violation": "spam"}


class UrgencyPart(Struct, forbid_unknown_fields=True):
    """The deadline, or what is taken off it."""

    reason: str
    seconds: int


class Urgency(Struct, forbid_unknown_fields=True):
    """Why a case is due when it is: as a sentence that adds up, and its parts."""

    sentence: str
    parts: list[UrgencyPart]


class CaseLine(Struct, forbid_unknown_fields=True, kw_only=True):
    """A case as a list shows it. `kind` is `item` where the reviewer must not know better."""

    id: str
    created_at: str
    kind: str
    state: str
    queue: str
    item_id: str
    why: str
    severity: str
    due_at: str
    urgency: Urgency
    reviewers: int
    decided_at: str | None
    decision_id: str | None


class VerdictWithPath(ItemVerdict, forbid_unknown_fields=True, kw_only=True):
    """What the policy said, with every rule that was looked at."""

    path: list[dict[str, Any]]


class WholeCase(CaseLine, forbid_unknown_fields=True, kw_only=True):
    """A case with everything that a reviewer needs to decide it."""

    item: Item
    verdict: VerdictWithPath
    thread: list[dict[str, Any]]
    author: dict[str, Any] | None
    reports: list[dict[str, Any]]
    appeal: dict[str, Any] | None
    decisions: list[dict[str, Any]]


class CasePage(Struct, forbid_unknown_fields=True):
    """A page of cases."""

    data: list[CaseLine]
    next_cursor: str | None


class ClaimedCase(Struct, forbid_unknown_fields=True):
    """A case that who asked holds now, and until when; both null if there is none for them."""

    case: WholeCase | None
    expires_at: str | None


class Kept(Struct, forbid_unknown_fields=True):
    """Until when a case is kept."""

    case_id: str
    expires_at: str


class Released(Struct, forbid_unknown_fields=True):
    """That a case went back."""

    case_id: str
    released: bool


class Skipped(Struct, forbid_unknown_fields=True):
    """That a case was left to others."""

    case_id: str
    skipped: bool


class SkippedCase(Struct, forbid_unknown_fields=True):
    """Who left a case to others, and why."""

    case_id: str
    reviewer: str
    reason: str
    skipped_at: str


class SkippedCases(Struct, forbid_unknown_fields=True):
    """Skips of open cases, the newest first."""

    data: list[SkippedCase]


class QueueState(Struct, forbid_unknown_fields=True):
    """How a queue stands."""

    name: str
    open: int
    overdue: int
    claimed: int
    next_due_at: str | None


class Queues(Struct, forbid_unknown_fields=True):
    """All queues; a count of `counted_to` means as many or more."""

    data: list[QueueState]
    counted_to: int


class DecidedCase(Struct, forbid_unknown_fields=True):
    """Where the case stands after a decision."""

    id: str
    state: str
    queue: str


class MadeDecision(Struct, forbid_unknown_fields=True, kw_only=True):
    """A decision. `told` and `claimed` only for an undo."""

    id: str
    created_at: str
    case_id: str | None
    item_id: str
    reviewer: str
    reviewer_kind: str
    action: str
    violation: str
    reasons: str
    reverses: str | None
    effective_at: str
    bulk_id: str | None
    case: DecidedCase | UnsetType = UNSET
    told: bool | UnsetType = UNSET
    claimed: bool | UnsetType = UNSET


class ItemChange(Struct, forbid_unknown_fields=True):
    """An item that changes, and the cases that are closed with it."""

    item_id: str
    action: str
    violation: str
    cases: list[str]


class BulkLooked(Struct, forbid_unknown_fields=True):
    """What a bulk decision would do, and the token to do exactly that."""

    changes: list[ItemChange]
    left_out: dict[str, str]
    token: str
    looked_at: str


class BulkDone(Struct, forbid_unknown_fields=True):
    """What a bulk decision did."""

    bulk_id: str
    effective_at: str
    changes: list[ItemChange]
    left_out: dict[str, str]


class BulkTakenBack(Struct, forbid_unknown_fields=True):
    """Decisions that were undone, and those that stand with the reason."""

    bulk_id: str
    undone: list[str]
    kept: dict[str, str]


_CASE: Final = Parameter("case_id", "path", "A case's id.", CASE_ID)
_STATES: Final = {"enum": ["open", "decided", "withdrawn"]}


def _one(**more: Any) -> dict[str, Any]:
    return {"tag": "Review", "dialects": OURS} | more


_READING: Final = (
    Operation(
        id="list_queues",
        method="get",
        path="/api/queues",
        summary="See how full the queues are",
        shapes=(Queues,),
        also=(400,),
        **_one(),
    ),
    Operation(
        id="list_cases",
        method="get",
        path="/api/cases",
        summary="List cases, the most urgent first",
        shapes=(CasePage,),
        parameters=(
            query("state", "Where it stands; open unless said otherwise.", _STATES),
            query("queue", "In one queue."),
            *PAGE,
        ),
        also=(400,),
        **_one(),
    ),
    Operation(
        id="list_skips",
        method="get",
        path="/api/cases/skips",
        summary="See who left which open cases to others, and why; for leads",
        shapes=(SkippedCases,),
        parameters=(PAGE[0],),
        also=(400,),
        **_one(),
    ),
    Operation(
        id="get_case",
        method="get",
        path="/api/cases/{case_id}",
        summary="Get one case",
        shapes=(WholeCase,),
        parameters=(_CASE,),
        may_miss=True,
        **_one(),
    ),
)
_CLAIMING: Final = (
    Operation(
        id="claim_case",
        method="post",
        path="/api/cases/claim",
        summary="Claim the most urgent case that you may decide",
        description="It is yours until `expires_at`; a heartbeat keeps it longer.",
        request=Claim,
        shapes=(ClaimedCase,),
        requests={"any": {}, "some": {"queues": ["general"]}},
        **_one(),
    ),
    Operation(
        id="take_case",
        method="post",
        path="/api/cases/{case_id}/claim",
        summary="Claim a certain case; for leads",
        shapes=(ClaimedCase,),
        parameters=(_CASE,),
        may_miss=True,
        also=(400, 409),
        **_one(),
    ),
    Operation(
        id="keep_case",
        method="post",
        path="/api/cases/{case_id}/heartbeat",
        summary="Keep a case for another while",
        shapes=(Kept,),
        parameters=(_CASE,),
        may_miss=True,
        also=(400, 409),
        **_one(),
    ),
    Operation(
        id="release_case",
        method="post",
        path="/api/cases/{case_id}/release",
        summary="Give a case back undecided",
        shapes=(Released,),
        parameters=(_CASE,),
        may_miss=True,
        also=(400, 409),
        **_one(),
    ),
    Operation(
        id="skip_case",
        method="post",
        path="/api/cases/{case_id}/skip",
        summary="Leave a case to others, for a reason that leads see",
        request=NewSkip,
        shapes=(Skipped,),
        parameters=(_CASE, KEY),
        requests={"language": {"reason": "I do not speak Dutch."}},
        may_miss=True,
        also=(409,),
        **_one(),
    ),
)
_DECIDING: Final = (
    Operation(
        id="decide_case",
        method="post",
        path="/api/cases/{case_id}/decisions",
        summary="Decide a case that you have claimed",
        description="To escalate moves the case to the lead's queue. Webhooks leave at "
        "`effective_at`; an undo before that is never heard of.",
        request=NewDecision,
        shapes=(MadeDecision,),
        parameters=(_CASE, KEY),
        requests={"remove": {"action": "remove", "violation": "harassment", "reasons": "Insults."}},
        may_miss=True,
        also=(409,),
        **_one(),
    ),
    Operation(
        id="undo_decision",
        method="post",
        path="/api/decisions/{decision_id}/undo",
        summary="Take a decision back by its inverse",
        description="Your own, or anybody's where you are a lead. The case opens again.",
        request=NewUndo,
        shapes=(MadeDecision,),
        parameters=(Parameter("decision_id", "path", "A decision's id.", DECISION_ID), KEY),
        requests={"misread": {"reasons": "I misread it."}},
        may_miss=True,
        also=(409,),
        **_one(),
    ),
    Operation(
        id="preview_bulk_decision",
        method="post",
        path="/api/decisions/bulk/preview",
        summary="See what a decision on many items would do; for leads",
        request=BulkPreview,
        shapes=(BulkLooked,),
        parameters=(KEY,),
        requests={"thread": _BULK},
        may_miss=True,
        also=(409,),
        **_one(),
    ),
    Operation(
        id="decide_in_bulk",
        method="post",
        path="/api/decisions/bulk",
        summary="Do what a preview showed; for leads",
        request=BulkDecision,
        shapes=(BulkDone,),
        parameters=(KEY,),
        requests={"thread": _BULK | {"token": token_of(("remove", "spam", ""), "local", [])}},
        may_miss=True,
        also=(409,),
        **_one(),
    ),
    Operation(
        id="undo_bulk_decision",
        method="post",
        path="/api/decisions/bulk/{bulk_id}/undo",
        summary="Take back all that a bulk decision did; for leads",
        shapes=(BulkTakenBack,),
        parameters=(Parameter("bulk_id", "path", "A bulk decision's id.", BULK_ID), KEY),
        may_miss=True,
        also=(400, 409),
        **_one(),
    ),
)
OPERATIONS: Final = (*_READING, *_CLAIMING, *_DECIDING)
