"""A shadow run as its page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ostraka.console.oversight.backtests import Comparison, comparison_view
from ostraka.review.comparison import ShadowReport
from ostraka.review.shadow_report import policy_report


@dataclass(frozen=True, slots=True)
class ShadowView:
    """What a version said of live traffic so far."""

    report: ShadowReport
    comparison: Comparison

    @property
    def texts(self) -> Sequence[str | None]:
        """Everything that may have words to soften."""
        return self.comparison.texts


def shadow_view(session: Session, digest: str, minimum: int) -> ShadowView:
    """The last shadow run of a version."""
    report = policy_report(session, digest, minimum)
    return ShadowView(report, comparison_view(session, report.compared))
