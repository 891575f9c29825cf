"""`/api/items`, described."""

from typing import Any, Final

from msgspec import Struct

from ostraka.server.description.appeals import AppealWithReason
from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.shared import KEY, OURS, PAGE
from ostraka.server.review.bodies import NewItems
from ostraka.taxonomy import Action, ViolationType

ITEM_ID: Final = "item_01a1fe0000007000800000000000000a"


class ItemVerdict(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a version of the policy said of an item, and the versions behind it."""

    id: str
    created_at: str
    action: str
    violation: str
    severity: str
    rule: str
    why: str
    policy: str
    scores: dict[str, float]
    stage: str
    sure: bool
    model: str
    versions: dict[str, str]
    reason: str


class WholeVerdict(ItemVerdict, forbid_unknown_fields=True, kw_only=True):
    """A verdict with the facts that it had, and every rule that was looked at."""

    facts: dict[str, Any]
    path: list[dict[str, Any]]
    shadow: bool


class TakenItem(Struct, forbid_unknown_fields=True):
    """What became of an item that was sent; `duplicate` if it was known already."""

    id: str
    external_id: str | None
    created_at: str
    duplicate: bool
    action: str
    violation: str
    case_id: str | None
    verdict: ItemVerdict


class TakenItems(Struct, forbid_unknown_fields=True):
    """What became of each item of a list, in its order."""

    data: list[TakenItem]


class Item(Struct, forbid_unknown_fields=True, kw_only=True):
    """An item; `text` is null once it was erased."""

    id: str
    external_id: str | None
    created_at: str
    text: str | None
    author: str | None
    thread_id: str | None
    parent_id: str | None
    language: str | None
    source: str | None
    reach: int
    metadata: dict[str, Any]
    action: str
    violation: str
    verdict_id: str
    reports: int
    erased_at: str | None


class ItemPage(Struct, forbid_unknown_fields=True):
    """Items, and where the next ones begin; null after the last."""

    data: list[Item]
    next_cursor: str | None


class PriorAction(Struct, forbid_unknown_fields=True):
    """What was done to an earlier item of the author."""

    action: str
    violation: str
    days_ago: float


class AuthorRecord(Struct, forbid_unknown_fields=True):
    """An author's record: strikes that count now, and violations ever."""

    author: str
    strikes: float
    violations: int
    banned: bool
    banned_until: str | None
    banned_permanently: bool
    prior_actions: list[PriorAction]


class ItemReport(Struct, forbid_unknown_fields=True, kw_only=True):
    """One person's report."""

    id: str
    created_at: str
    item_id: str
    reporter: str
    violation: str
    note: str | None


class ItemCase(Struct, forbid_unknown_fields=True):
    """A case about an item."""

    id: str
    created_at: str
    kind: str
    state: str
    queue: str
    why: str
    due_at: str
    decided_at: str | None


class ItemDecision(Struct, forbid_unknown_fields=True):
    """A decision on an item."""

    id: str
    created_at: str
    case_id: str | None
    reviewer: str
    reviewer_kind: str
    action: str
    violation: str
    reasons: str
    counts: bool
    reverses: str | None


class WholeItem(Item, forbid_unknown_fields=True, kw_only=True):
    """An item with everything that is kept about it."""

    author_record: AuthorRecord | None
    verdicts: list[WholeVerdict]
    reports_received: list[ItemReport]
    cases: list[ItemCase]
    decisions: list[ItemDecision]
    appeals: list[AppealWithReason]


class VerdictList(Struct, forbid_unknown_fields=True):
    """Verdicts on an item, the oldest first; `next_cursor` is always null."""

    data: list[WholeVerdict]
    next_cursor: str | None


class ExplainedVerdict(ItemVerdict, forbid_unknown_fields=True, kw_only=True):
    """The stored verdict."""

    facts: dict[str, Any]
    path: list[dict[str, Any]]


class Difference(Struct, forbid_unknown_fields=True):
    """What is not as it was."""

    field: str
    then: str | float | None
    now: str | float | None


class Again(Struct, forbid_unknown_fields=True):
    """What comes out now."""

    action: str
    violation: str
    severity: str
    rule: str
    why: str
    scores: dict[str, float]
    path: list[dict[str, Any]]


class Explanation(Struct, forbid_unknown_fields=True):
    """Whether a verdict comes out the same; `same` is null where `obstacle` says why not."""

    item_id: str
    verdict: ExplainedVerdict
    same: bool | None
    obstacle: str | None
    differences: list[Difference]
    again: Again | None


_ITEM: Final = Parameter("item_id", "path", "An item's id.", ITEM_ID)
_MOMENT: Final = {"type": "string", "format": "date-time"}
_STATES: Final = ["open", "decided", "appealed", "erased", "kept"]
_FILTERS: Final = (
    query("action", "What counts now.", {"enum": [str(each) for each in Action]}),
    query("violation", "Of which kind.", {"enum": [str(each) for each in ViolationType]}),
    query("author", "The caller's id of the author."),
    query("thread_id", "The thread."),
    query("language", "The language, as it was sent."),
    query("source", "The source, as it was sent."),
    query("external_id", "The caller's id."),
    query("state", "Where it stands.", {"enum": _STATES}),
    query("from", "Kept at this moment or later.", _MOMENT),
    query("to", "Kept before this moment.", _MOMENT),
    query(
        "search",
        'Words, all of them; `"in quotes"` they follow each other, `begin*` with a star.',
    ),
)


def _one(**more: Any) -> dict[str, Any]:
    return {"tag": "Items", "dialects": OURS} | more


OPERATIONS: Final = (
    Operation(
        id="submit_items",
        method="post",
        path="/api/items",
        summary="Send an item, or up to 100",
        description="Each is judged by the policy that is active, and kept. The same "
        "`external_id` with the same content is answered again, with other content it is a "
        "conflict; a list is taken whole or not at all.",
        request=NewItems,
        shapes=(TakenItem, TakenItems),
        parameters=(KEY,),
        requests={
            "one": {"text": "Have a nice day.", "external_id": "comment-1042", "author": "amy"},
            "several": [{"text": "Good morning."}, {"text": "Good night.", "language": "en"}],
        },
        also=(409,),
        **_one(),
    ),
    Operation(
        id="list_items",
        method="get",
        path="/api/items",
        summary="Find items, the newest first",
        shapes=(ItemPage,),
        parameters=(*_FILTERS, *PAGE),
        also=(400,),
        **_one(),
    ),
    Operation(
        id="get_item",
        method="get",
        path="/api/items/{item_id}",
        summary="Get an item with all that is kept about it",
        shapes=(WholeItem,),
        parameters=(_ITEM,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="erase_item",
        method="delete",
        path="/api/items/{item_id}",
        summary="Erase what an item says",
        description="Text, metadata, notes and reasons go, open cases and appeals are withdrawn; "
        "verdicts, decisions and the audit log stay.",
        shapes=(Item,),
        parameters=(_ITEM, KEY),
        also=(400, 409),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="list_verdicts",
        method="get",
        path="/api/items/{item_id}/verdicts",
        summary="Get all verdicts on an item, shadows too",
        shapes=(VerdictList,),
        parameters=(_ITEM,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="explain_item",
        method="get",
        path="/api/items/{item_id}/explain",
        summary="Run a verdict again with the versions that it names",
        shapes=(Explanation,),
        parameters=(_ITEM, query("verdict_id", "Another verdict than the one that counts.")),
        also=(400,),
        may_miss=True,
        **_one(),
    ),
)
