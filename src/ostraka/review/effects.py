"""What a decision that counts does: to the item, its author's record, an appeal, and who hears."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.review import followed, webhooks
from ostraka.review.strikes import STRIKING, add_strike, restore, revoke, standing_strikes
from ostraka.review.tables import AppealRow, AuthorRow, DecisionRow, ItemRow
from ostraka.review.terms import Ruling, Terms
from ostraka.taxonomy import Action, ViolationType

_MILDEST_FIRST: Final = (
    Action.APPROVE,
    Action.WARN,
    Action.REMOVE,
    Action.BAN_TEMPORARY,
    Action.BAN_PERMANENT,
)


def apply(
    session: Session,
    decision: DecisionRow,
    item: ItemRow,
    terms: Terms,
    now: datetime,
    appeal_id: str | None = None,
) -> None:
    """Let a decision count. What it replaces is kept in its `before`, for an undo.

    What stood on the author's record for this item gives way to what the decision puts there, so
    an appeal that is granted takes back strikes and bans.
    """
    author = session.get(AuthorRow, item.author_id) if item.author_id else None
    before = _state_of(item, author)
    ruling = Ruling(Action(decision.action), ViolationType(decision.violation), decision.reasons)
    standing = standing_strikes(session, item.id)
    unchanged = (item.action, item.violation) == (decision.action, decision.violation)
    if not unchanged or bool(standing) != (ruling.action in STRIKING):
        before["revoked_strikes"] = [strike.id for strike in standing]
        revoke(session, before["revoked_strikes"], now)
        strike = terms.strike(ruling, now, decision.id)
        if strike is not None:
            add_strike(session, item, strike, now)
    item.action, item.violation = decision.action, decision.violation
    decision.counts = True
    decision.effective_at = now + terms.grace
    payload = event_of(session, decision, item)
    before["deliveries"] = webhooks.emit(
        session, "decision.made", payload, decision.effective_at, now
    )
    if appeal_id is not None:
        before["appeal"] = appeal_id
        before["deliveries"] += _decide_appeal(session, appeal_id, decision, payload, now)
    decision.before = {**decision.before, **before}
    followed.tell(session, item)


def revert(session: Session, decision: DecisionRow, item: ItemRow, now: datetime) -> bool:
    """Put back what counted before a decision; returns whether anybody outside may know of it."""
    before = decision.before
    item.action, item.violation = before["action"], before["violation"]
    strikes = standing_strikes(session, item.id)
    own = [each.id for each in strikes if each.decision_id == decision.id]
    revoke(session, own, now)
    restore(session, before.get("revoked_strikes", []))
    if before.get("appeal") is not None:
        appeal = session.get_one(AppealRow, before["appeal"])
        appeal.state, appeal.outcome_id, appeal.decided_at = "open", None, None
    followed.tell(session, item)
    deliveries = before.get("deliveries", [])
    cancelled = webhooks.cancel(session, deliveries)
    return len(cancelled) < len(deliveries)


def event_of(session: Session, decision: DecisionRow, item: ItemRow) -> dict[str, Any]:
    """What webhooks are told of a decision: never a text, which may have to be erased."""
    author = session.get(AuthorRow, item.author_id) if item.author_id else None
    return {
        "decision_id": decision.id,
        "case_id": decision.case_id,
        "item_id": item.id,
        "external_id": item.external_id,
        "author": author.external_id if author else None,
        "author_banned_until": _moment(author.banned_until) if author else None,
        "author_banned_permanently": author.banned_permanently if author else False,
        "action": decision.action,
        "violation": decision.violation,
        "policy": decision.policy_digest,
        "reviewer_kind": decision.reviewer_kind,
        "bulk_id": decision.bulk_id,
        "reverses": decision.reverses,
        "decided_at": decision.created_at.isoformat(),
    }


def is_milder(action: str, than: str) -> bool:
    """Whether an action is milder than another; to escalate is no action on an item."""
    if Action.ESCALATE in (action, than):
        return False
    return _MILDEST_FIRST.index(Action(action)) < _MILDEST_FIRST.index(Action(than))


def _decide_appeal(
    session: Session, appeal_id: str, decision: DecisionRow, payload: dict[str, Any], now: datetime
) -> list[str]:
    appeal = session.get_one(AppealRow, appeal_id)
    granted = is_milder(decision.action, appeal.appealed_action)
    appeal.state = "granted" if granted else "denied"
    appeal.outcome_id, appeal.decided_at = decision.id, now
    told = payload | {"appeal_id": appeal.id, "state": appeal.state}
    return webhooks.emit(session, "appeal.decided", told, decision.effective_at, now)


def _state_of(item: ItemRow, author: AuthorRow | None) -> dict[str, Any]:
    return {
        "action": item.action,
        "violation": item.violation,
        "banned_until": _moment(author.banned_until) if author else None,
        "banned_permanently": author.banned_permanently if author else False,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
