"""What a worker does for shadows: say what drafts and the candidate model make of new items.

They get the facts that the acting policy had. What they say is kept beside what counts, marked as
shadow and with the moment of the verdict that it stands beside, and nothing follows from it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import structs
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ostraka.moderator import Verdict
from ostraka.policy.evaluation import evaluate
from ostraka.policy.facts import Facts
from ostraka.review.acting import outcome_values, verdict_values
from ostraka.review.policies import PolicyStore
from ostraka.review.shadowing import LOOK
from ostraka.review.tables import ItemRow, VerdictRow
from ostraka.storage.database import Database
from ostraka.work.leases import Lease, complete
from ostraka.work.worker import Handler, WorkContext

Score = Callable[[Sequence[str], str], Sequence[Verdict]]
"""What a model, by its name in the settings, says of texts."""

_ASSESSED: Final = ("scores", "stage", "sure", "model", "versions", "reason")
_Row = dict[str, Any]


def shadow_handlers(database: Database, score: Score) -> dict[str, Handler]:
    """The kind of work that looks at new verdicts."""
    return {LOOK: _Looking(database, score).handle}


class _Looking:
    def __init__(self, database: Database, score: Score) -> None:
        self._database = database
        self._score = score
        self._policies = PolicyStore()

    def handle(self, lease: Lease, context: WorkContext) -> None:
        """Look at some verdicts; what an earlier attempt has written is not written again."""
        with self._database.reading() as session:
            seen = _verdicts(session, lease.payload["verdicts"])
            texts = _texts(session, lease.payload["sampled"])
            drafted = list(self._by_drafts(session, seen, lease.payload["policies"]))
            session.expunge_all()
        tried = list(self._by_candidate(seen, texts, lease.payload["model"]))
        context.check()
        with self._database.writing() as session:
            rows = _new(session, drafted + tried)
            if rows:
                session.execute(insert(VerdictRow), rows)
            complete(session, lease)

    def _by_drafts(
        self, session: Session, seen: Sequence[VerdictRow], digests: Sequence[str]
    ) -> Iterator[_Row]:
        for digest in digests:
            policy = self._policies.get(session, digest)
            for verdict in seen:
                outcome = evaluate(policy, Facts.from_dict(verdict.facts))
                said = outcome_values(
                    verdict.item_id, outcome, policy, verdict.created_at, shadow=True
                )
                yield said | {name: getattr(verdict, name) for name in _ASSESSED}

    def _by_candidate(
        self, seen: Sequence[VerdictRow], texts: dict[str, str], model: str | None
    ) -> Iterator[_Row]:
        wanted = [verdict for verdict in seen if verdict.id in texts]
        if model is None or not wanted:
            return
        scored = self._score([texts[verdict.id] for verdict in wanted], model)
        with self._database.reading() as session:
            for verdict, found in zip(wanted, scored, strict=True):
                policy = self._policies.get(session, verdict.policy_digest)
                facts = structs.replace(
                    Facts.from_dict(verdict.facts),
                    scores={str(name): each for name, each in found.scores.items()},
                    sure=found.sure,
                    stage=found.stage,
                )
                outcome = evaluate(policy, facts)
                yield verdict_values(
                    verdict.item_id, outcome, found, policy, verdict.created_at, shadow=True
                )


def _verdicts(session: Session, verdict_ids: Sequence[str]) -> Sequence[VerdictRow]:
    wanted = select(VerdictRow).where(VerdictRow.id.in_(verdict_ids), ~VerdictRow.shadow)
    return session.scalars(wanted.order_by(VerdictRow.id)).all()


def _texts(session: Session, sampled: Sequence[str]) -> dict[str, str]:
    """Texts by the verdict on them; one that was erased since is not looked at."""
    wanted = select(VerdictRow.id, ItemRow.text).join(ItemRow, ItemRow.id == VerdictRow.item_id)
    wanted = wanted.where(VerdictRow.id.in_(sampled), ItemRow.text.is_not(None))
    return {verdict_id: text or "" for verdict_id, text in session.execute(wanted)}


def _new(session: Session, rows: Sequence[_Row]) -> list[_Row]:
    """The rows that are not there yet, of items that were not erased meanwhile."""
    items = {row["item_id"] for row in rows}
    locked = select(ItemRow.id, ItemRow.erased_at).where(ItemRow.id.in_(items)).order_by(ItemRow.id)
    found = session.execute(locked.with_for_update(read=True))
    gone = {item_id for item_id, erased_at in found if erased_at is not None}
    columns = (VerdictRow.item_id, VerdictRow.policy_digest, VerdictRow.model)
    wanted = select(*columns, VerdictRow.created_at).where(
        VerdictRow.item_id.in_(items), VerdictRow.shadow
    )
    known = set(session.execute(wanted).all())
    names = ("item_id", "policy_digest", "model", "created_at")
    return [
        row
        for row in rows
        if row["item_id"] not in gone and tuple(row[name] for name in names) not in known
    ]
