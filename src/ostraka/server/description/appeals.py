"""`/api/reports` and `/api/appeals`, described."""

from typing import Any, Final

from msgspec import Struct

from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.shared import KEY, OURS, PAGE
from ostraka.server.review.bodies import NewAppeal, NewReport

APPEAL_ID: Final = "appeal_01a1fe0000007000800000000000000a"
EXTERNAL_ID: Final = "comment-17"
"""The caller's id of the item that examples are about."""


class Appeal(Struct, forbid_unknown_fields=True, kw_only=True):
    """An author's request to look again."""

    id: str
    created_at: str
    item_id: str
    state: str
    appealed_action: str
    decision_id: str | None
    outcome_id: str | None
    decided_at: str | None


class AppealWithReason(Appeal, forbid_unknown_fields=True, kw_only=True):
    """An appeal with what its author says."""

    reason: str


class AppealWithCase(Appeal, forbid_unknown_fields=True, kw_only=True):
    """An appeal that was opened, with its case."""

    case_id: str


class WholeAppeal(AppealWithReason, forbid_unknown_fields=True, kw_only=True):
    """An appeal with its case."""

    case_id: str | None


class AppealPage(Struct, forbid_unknown_fields=True):
    """Appeals, and where the next ones begin."""

    data: list[AppealWithReason]
    next_cursor: str | None


class TakenReport(Struct, forbid_unknown_fields=True, kw_only=True):
    """A report, and what came of it."""

    id: str
    created_at: str
    item_id: str
    reporter: str
    violation: str
    duplicate: bool
    reports: int
    action: str
    case_id: str | None


_APPEAL: Final = Parameter("appeal_id", "path", "An appeal's id.", APPEAL_ID)


def _one(**more: Any) -> dict[str, Any]:
    return {"tag": "Items", "dialects": OURS} | more


OPERATIONS: Final = (
    Operation(
        id="report_item",
        method="post",
        path="/api/reports",
        summary="Report an item",
        description="One report per reporter and item. The policy looks at the item again: a case "
        "may open, or the open one be due sooner.",
        request=NewReport,
        shapes=(TakenReport,),
        parameters=(KEY,),
        requests={"spam": {"reporter": "user-9", "violation": "spam", "external_id": EXTERNAL_ID}},
        also=(409,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="open_appeal",
        method="post",
        path="/api/appeals",
        summary="Appeal against what was done to an item",
        description="Becomes a case that nobody gets who decided on the item before. One appeal "
        "is open at a time.",
        request=NewAppeal,
        shapes=(AppealWithCase,),
        parameters=(KEY,),
        requests={"joke": {"reason": "It was a quotation.", "external_id": EXTERNAL_ID}},
        also=(409,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="list_appeals",
        method="get",
        path="/api/appeals",
        summary="List appeals, the newest first",
        shapes=(AppealPage,),
        parameters=(
            query(
                "state", "Where it stands.", {"enum": ["open", "granted", "denied", "withdrawn"]}
            ),
            query("item_id", "About one item."),
            *PAGE,
        ),
        also=(400,),
        **_one(),
    ),
    Operation(
        id="get_appeal",
        method="get",
        path="/api/appeals/{appeal_id}",
        summary="Get one appeal",
        shapes=(WholeAppeal,),
        parameters=(_APPEAL,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="withdraw_appeal",
        method="delete",
        path="/api/appeals/{appeal_id}",
        summary="Withdraw an open appeal",
        shapes=(Appeal,),
        parameters=(_APPEAL, KEY),
        also=(400, 409),
        may_miss=True,
        **_one(),
    ),
)
