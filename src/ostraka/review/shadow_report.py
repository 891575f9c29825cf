"""What shadows said of live traffic beside what acted, and whether that is enough to go by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from ostraka.errors import ConflictError
from ostraka.review.comparing import Comparison, Pair, Said, contradicts
from ostraka.review.comparison import ShadowReport
from ostraka.review.policies import SHADOW, shadows
from ostraka.review.replaying import people_on
from ostraka.review.shadowing import QUEUE
from ostraka.review.tables import ActivationRow, VerdictRow
from ostraka.work.tables import State, WorkRow

_PAGE: Final = 1_000
_MOST_COUNTED: Final = 10_000
_MOST_MODELS: Final = 100
_Beside = aliased(VerdictRow)
"""The verdict that counted when the shadow's was made."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run in shadow: of what, since when, and which rows are its own."""

    kind: str
    subject: str
    running: bool
    began_at: datetime | None
    rows: Any


def policy_report(session: Session, digest: str, minimum: int) -> ShadowReport:
    """The last shadow run of a policy, whether or not it is still running."""
    return _report(session, _policy_run(session, digest), minimum)


def model_reports(session: Session, minimum: int, model: str | None = None) -> list[ShadowReport]:
    """What candidate models said, by the exact names under which they answered.

    With `model`, only of names that are it or begin with it.
    """
    names = select(VerdictRow.model).where(VerdictRow.shadow).distinct().limit(_MOST_MODELS)
    found = [name for name in session.scalars(names) if model is None or name.startswith(model)]
    reports = [_report(session, _model_run(name), minimum) for name in sorted(found)]
    return [report for report in reports if report.compared.items]


def refuse_unseen(session: Session, digest: str, minimum: int) -> None:
    """Refuse a policy in shadow that has not seen enough to be judged by it.

    Raises:
        ConflictError: says how many items are missing.
    """
    if digest not in shadows(session):
        return
    rows = _policy_run(session, digest).rows.limit(minimum).subquery()
    missing = minimum - session.scalars(select(func.count()).select_from(rows)).one()
    if missing > 0:
        raise ConflictError(
            f"The policy {digest} has seen {minimum - missing} items in shadow of the {minimum} "
            f"that it takes (`shadow_minimum`): {missing} are missing. Wait for them, or say that "
            "it is to act without them.",
            field="without_shadow",
            code="shadow_too_short",
        )


def _policy_run(session: Session, digest: str) -> _Run:
    began = session.scalar(
        select(func.max(ActivationRow.created_at)).where(
            ActivationRow.kind == SHADOW, ActivationRow.policy_digest == digest
        )
    )
    rows = _beside(VerdictRow.model == _Beside.model).where(VerdictRow.policy_digest == digest)
    if began is not None:
        rows = rows.where(VerdictRow.created_at >= began)
    return _Run("policy", digest, digest in shadows(session), began, rows)


def _model_run(model: str) -> _Run:
    rows = _beside(VerdictRow.policy_digest == _Beside.policy_digest)
    return _Run("model", model, True, None, rows.where(VerdictRow.model == model))


def _beside(same: Any) -> Any:
    """Verdicts in shadow, each with the one that it stands beside: of the same moment."""
    return (
        select(VerdictRow, _Beside)
        .join(
            _Beside,
            and_(
                _Beside.item_id == VerdictRow.item_id,
                _Beside.created_at == VerdictRow.created_at,
                ~_Beside.shadow,
                same,
            ),
        )
        .where(VerdictRow.shadow)
        .order_by(VerdictRow.id)
    )


def _report(session: Session, run: _Run, minimum: int) -> ShadowReport:
    comparison = Comparison(run.subject)
    first = last = None
    for pairs, people in _pages(session, run):
        first = first or pairs[0][0].created_at
        last = pairs[-1][0].created_at
        for aside, acted in pairs:
            _take(comparison, aside, acted, people.get(aside.item_id))
    missing = max(0, minimum - comparison.items)
    return ShadowReport(
        kind=run.kind,
        subject=run.subject,
        running=run.running,
        since=_written(run.began_at or first),
        until=_written(last),
        compared=comparison.result(),
        minimum=minimum,
        missing=missing,
        ready=not missing,
        waiting=_waiting(session),
    )


def _pages(
    session: Session, run: _Run
) -> Iterator[tuple[Sequence[tuple[VerdictRow, VerdictRow]], dict[str, str]]]:
    after = ""
    while True:
        wanted = run.rows.where(VerdictRow.id > after).limit(_PAGE)
        pairs = session.execute(wanted).all()
        if not pairs:
            return
        yield pairs, people_on(session, [aside.item_id for aside, _ in pairs])
        after = pairs[-1][0].id
        session.expunge_all()


def _take(comparison: Comparison, aside: VerdictRow, acted: VerdictRow, people: str | None) -> None:
    same = (aside.action, aside.violation) == (acted.action, acted.violation)
    if same and (people is None or not contradicts(aside.action, people)):
        comparison.same(aside.action, people)
        return
    why = aside.why
    before = Said(acted.action, acted.violation, acted.rule)
    after = Said(aside.action, aside.violation, aside.rule)
    comparison.take(Pair(aside.item_id, acted.id, before, after, people, lambda: why))


def _waiting(session: Session) -> int:
    open_states = (State.WAITING, State.READY, State.LEASED)
    rows = select(WorkRow.id).where(WorkRow.queue == QUEUE, WorkRow.state.in_(open_states))
    found = rows.limit(_MOST_COUNTED).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
