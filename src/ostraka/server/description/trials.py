"""Backtests, shadow runs, quality, golden cases and insights, described."""

from typing import Any, Final

from msgspec import Struct

from ostraka.review.comparison import BacktestReport, ShadowReport
from ostraka.review.insight_figures import Insights
from ostraka.review.quality_figures import QualityReport
from ostraka.server.description.items import ITEM_ID
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.policies import DIGEST, IN_SHADOW, policy_digest
from ostraka.server.description.shared import KEY, OURS
from ostraka.server.review.bodies import BacktestOrder, NewGolden

_MOMENT: Final = {"type": "string", "format": "date-time"}
_PERIOD: Final = (
    query("since", "From this moment on.", _MOMENT),
    query("until", "Before this moment.", _MOMENT),
)


class Backtest(Struct, forbid_unknown_fields=True):
    """A backtest that was kept. Texts of examples are null where it was just made."""

    id: str
    created_at: str
    report: BacktestReport


class Shadows(Struct, forbid_unknown_fields=True):
    """What is in shadow, and how many items it takes to go by it."""

    minimum: int
    data: list[ShadowReport]


class Golden(Struct, forbid_unknown_fields=True):
    """An item whose right decision is known."""

    item_id: str
    created_at: str
    action: str
    violation: str
    reasons: str


class AllGolden(Struct, forbid_unknown_fields=True):
    """Those that are dealt, the newest first."""

    data: list[Golden]


class Retired(Struct, forbid_unknown_fields=True):
    """What is dealt no more."""

    item_id: str
    retired: bool


_GOLDEN_ITEM: Final = (Parameter("item_id", "path", "An item's id.", ITEM_ID), KEY)


def _one(tag: str, **more: Any) -> dict[str, Any]:
    return {"tag": tag, "dialects": OURS} | more


OPERATIONS: Final = (
    Operation(
        id="make_backtest",
        method="post",
        path="/api/policies/{digest}/backtest",
        summary="Replay a policy on stored items",
        description="With their scores and facts as they were; nothing is done. Takes about a "
        "second for every twenty thousand items; one runs at a time.",
        request=BacktestOrder,
        shapes=(Backtest,),
        parameters=(policy_digest(DIGEST), KEY),
        requests={"newest": {"items": 1000}},
        also=(409,),
        may_miss=True,
        **_one("Policies"),
    ),
    Operation(
        id="get_backtest",
        method="get",
        path="/api/policies/{digest}/backtest",
        summary="Get a policy's newest backtest",
        shapes=(Backtest,),
        parameters=(policy_digest(DIGEST),),
        may_miss=True,
        **_one("Policies"),
    ),
    Operation(
        id="get_shadow",
        method="get",
        path="/api/policies/{digest}/shadow",
        summary="Get what a policy said in its last shadow run",
        shapes=(ShadowReport,),
        parameters=(policy_digest(IN_SHADOW),),
        may_miss=True,
        **_one("Policies"),
    ),
    Operation(
        id="list_shadows",
        method="get",
        path="/api/shadow",
        summary="List policies and models in shadow, with what they said",
        shapes=(Shadows,),
        parameters=(query("model", "Only models whose names begin with it.", {"type": "string"}),),
        also=(400,),
        **_one("Policies"),
    ),
    Operation(
        id="get_quality",
        method="get",
        path="/api/quality",
        summary="Agreement, accuracy and confusion pairs of a period",
        description="The last ninety days unless said otherwise.",
        shapes=(QualityReport,),
        parameters=_PERIOD,
        also=(400,),
        **_one("Insights"),
    ),
    Operation(
        id="get_insights",
        method="get",
        path="/api/insights",
        summary="What happened per day and queue, and what moves",
        description="The last thirty days unless said otherwise.",
        shapes=(Insights,),
        parameters=_PERIOD,
        also=(400,),
        **_one("Insights"),
    ),
    Operation(
        id="list_golden",
        method="get",
        path="/api/golden",
        summary="List items whose right decision is known",
        shapes=(AllGolden,),
        also=(400,),
        **_one("Insights"),
    ),
    Operation(
        id="name_golden",
        method="post",
        path="/api/golden/{item_id}",
        summary="Name the right decision on an item",
        description="From then on the policy's share of cases is about it, which reviewers cannot "
        "tell from others. Named again, it replaces the first.",
        request=NewGolden,
        shapes=(Golden,),
        parameters=_GOLDEN_ITEM,
        requests={"removed": {"action": "remove", "violation": "spam", "reasons": "A lottery."}},
        also=(409,),
        may_miss=True,
        **_one("Insights"),
    ),
    Operation(
        id="retire_golden",
        method="delete",
        path="/api/golden/{item_id}",
        summary="Deal an item as a golden case no more",
        shapes=(Retired,),
        parameters=_GOLDEN_ITEM,
        also=(400, 409),
        may_miss=True,
        **_one("Insights"),
    ),
)
