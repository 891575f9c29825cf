"""Run a stored verdict again with the versions that it names, and say same or different."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import structs
from sqlalchemy.orm import Session

from ostraka.errors import JudgeError, NotFoundError, UnknownModelError
from ostraka.moderator import Verdict
from ostraka.policy.evaluation import Policy, evaluate
from ostraka.policy.facts import Facts
from ostraka.review.items import get_item
from ostraka.review.policies import PolicyStore
from ostraka.review.shapes import show_verdict
from ostraka.review.tables import ItemRow, VerdictRow

TOLERANCE: Final = 1e-6
"""How far scores may lie apart and still be the same: the last bits of a sum depend on the order
of its parts."""

Score = Callable[[Sequence[str], str], Awaitable[list[Verdict]]]


@dataclass(frozen=True, slots=True)
class Rerun:
    """A stored verdict, what it needs to be run again, and what then came out."""

    stored: VerdictRow
    item: ItemRow
    policy: Policy | None
    obstacle: str | None = None
    """Why it cannot be run again."""
    scores: Mapping[str, float] | None = None
    """What the assessors say now."""

    async def scored_by(self, score: Score) -> "Rerun":
        """With the scores that the named model gives now."""
        try:
            verdict = (await score([self.item.text or ""], self.stored.model))[0]
        except UnknownModelError as error:
            return replace(self, obstacle=f"Its model is no longer served. {error.message}")
        except JudgeError as error:
            return replace(self, obstacle=f"The LLM judge gave no opinion. {error.message}")
        return replace(self, scores={str(name): each for name, each in verdict.scores.items()})


def material_of(
    session: Session, policies: PolicyStore, item_id: str, verdict_id: str | None
) -> Rerun:
    """What is kept of an item's verdict: the one that counts, or the one that is named.

    Raises:
        NotFoundError: there is no such item, or it has no such verdict.
    """
    item = get_item(session, item_id)
    stored = session.get(VerdictRow, verdict_id or item.verdict_id)
    if stored is None or stored.item_id != item.id:
        raise NotFoundError(f"The item has no verdict '{verdict_id}'.", field="verdict_id")
    try:
        policy: Policy | None = policies.get(session, stored.policy_digest)
    except NotFoundError:
        return Rerun(stored, item, None, f"Its policy {stored.policy_digest} is no longer kept.")
    if item.text is None:
        return Rerun(stored, item, policy, "Its text was erased.")
    return Rerun(stored, item, policy)


def compare(rerun: Rerun) -> dict[str, Any]:
    """Same or different, and in what; `same` is None where it could not be run again."""
    stored = rerun.stored
    answer: dict[str, Any] = {
        "item_id": rerun.item.id,
        "verdict": show_verdict(vars(stored)) | {"facts": stored.facts, "path": stored.path},
        "same": None,
        "obstacle": rerun.obstacle,
        "differences": [],
        "again": None,
    }
    if rerun.obstacle is not None or rerun.policy is None or rerun.scores is None:
        return answer
    facts = structs.replace(Facts.from_dict(stored.facts), scores=rerun.scores)
    outcome = evaluate(rerun.policy, facts)
    again = {
        "action": str(outcome.action),
        "violation": str(outcome.violation),
        "severity": str(outcome.severity),
        "rule": outcome.rule,
        "why": outcome.why,
        "scores": dict(rerun.scores),
        "path": [step.as_dict() for step in outcome.path],
    }
    differences = _score_differences(stored.scores, rerun.scores) + [
        {"field": name, "then": getattr(stored, name), "now": again[name]}
        for name in ("action", "violation", "severity", "rule")
        if getattr(stored, name) != again[name]
    ]
    return answer | {"same": not differences, "differences": differences, "again": again}


def _score_differences(then: Mapping[str, float], now: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {"field": f"scores.{name}", "then": then.get(name), "now": now.get(name)}
        for name in sorted({*then, *now})
        if name not in then or name not in now or abs(then[name] - now[name]) > TOLERANCE
    ]
