"""Let a draft act, once its examples hold and it was replayed on stored items.

One that is in shadow has to have seen enough there, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError
from ostraka.policy.compiled import Policy
from ostraka.policy.testing import Score, run_examples
from ostraka.review.policies import PolicyStore
from ostraka.review.shadow_report import refuse_unseen
from ostraka.review.tables import ActivationRow, BacktestRow, ItemRow

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Promotion:
    """Who lets which policy act, and which checks it may do without.

    `score` says what the classifier makes of the texts among its examples. It is asked within the
    transaction, so that verdicts had better be made before (`policy.testing.scorer_of`).
    """

    digest: str
    actor: str
    note: str
    shadow_minimum: int
    score: Score | None = None
    without_backtest: bool = False
    without_shadow: bool = False


def promote(
    session: Session, store: PolicyStore, wanted: Promotion, now: datetime
) -> ActivationRow:
    """Let a policy act. The audit log keeps what it was tried on, and which checks it went without.

    Raises:
        NotFoundError: none of this digest was ever added.
        ConflictError: it acts already, one of its examples fails, it was never replayed, or has
            seen too little in shadow.
    """
    digest = store.kept(session, wanted.digest, now).digest
    store.refuse_acting(session, digest)
    checked: dict[str, Any] = {"examples": refuse_failing(store.get(session, digest), wanted.score)}
    without: list[str] = []
    with _waivable("backtest", wanted.without_backtest, without):
        checked["backtest"] = refuse_untested(session, digest)
    with _waivable("shadow", wanted.without_shadow, without):
        refuse_unseen(session, digest, wanted.shadow_minimum)
    checked |= {"without": without} if without else {}
    return store.activate(session, digest, wanted.actor, wanted.note, now, checked)


def refuse_failing(policy: Policy, score: Score | None) -> int:
    """Refuse a policy of which an example fails, or cannot be run; returns how many there are.

    Raises:
        ConflictError: names the examples, and what came of them.
    """
    results = run_examples(policy, score)
    failed = [each for each in results if not each.passed]
    if failed:
        told = [f"'{each.example.name}' ({', '.join(each.problems)})" for each in failed]
        rest = len(told) - _MOST_NAMED
        more = f" and {rest} more" if rest > 0 else ""
        raise ConflictError(
            f"{len(failed)} of the {len(results)} examples of '{policy.name}' "
            f"{'fails' if len(failed) == 1 else 'fail'}: "
            f"{', '.join(told[:_MOST_NAMED])}{more}. Correct the policy or its examples; what acts "
            "now goes on.",
            field="digest",
            code="examples_failed",
        )
    return len(results)


def refuse_untested(session: Session, digest: str) -> str | None:
    """Refuse a policy that was never replayed on stored items; returns the id of its backtest.

    Where nothing is stored there is nothing to replay it on: None.

    Raises:
        ConflictError: no backtest of it is kept.
    """
    if session.scalar(select(ItemRow.id).limit(1)) is None:
        return None
    kept = select(BacktestRow.id, BacktestRow.report).where(BacktestRow.policy_digest == digest)
    for backtest_id, report in session.execute(kept.order_by(BacktestRow.id.desc())):
        if report.get("replayed"):
            return str(backtest_id)
    raise ConflictError(
        f"The policy {digest} was never replayed on stored items: make a backtest first, "
        "or say that it is to act without one.",
        field="without_backtest",
        code="no_backtest",
    )


@contextmanager
def _waivable(name: str, is_waived: bool, without: list[str]) -> Iterator[None]:
    """Let a check fail where it may be failed, and note so."""
    try:
        yield
    except ConflictError:
        if not is_waived:
            raise
        without.append(name)
