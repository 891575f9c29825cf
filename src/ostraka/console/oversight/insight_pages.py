"""The handlers of insights: how the team is doing, and whether the classifier still fits."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.ring import now
from ostraka.console.oversight.handling import Handlers, csv_text, download
from ostraka.console.oversight.insights import (
    handling_answer,
    handling_table,
    questions_of,
    tables_of,
)
from ostraka.console.oversight.quality_tables import Table, figures_of, quality_tables
from ostraka.console.review.handling import asked_of, choice, look, path_value
from ostraka.console.review.names import names_of
from ostraka.console.review.room import Room, Viewer
from ostraka.errors import NotFoundError
from ostraka.review.agreement import quality_report
from ostraka.review.insights import insights
from ostraka.review.measures import Period
from ostraka.review.policies import PolicyStore
from ostraka.review.quality_figures import QualityReport

HERE: Final = "/insights"
PERIODS: Final = {"7": "7 days", "14": "14 days", "30": "30 days", "90": "90 days"}
USUAL: Final = "14"


class InsightPages(Handlers):
    """One per process."""

    async def insights(self, request: Request) -> Response:
        """Questions, each with its answer, chart and table."""
        days = _days_of(request)

        context = await look(
            request,
            lambda room, session, viewer: {
                "found": insights(session, _period(days)),
                **_quality(room, session, viewer, _period(days)),
            },
        )
        found = context["found"]
        slow = [each.slow_seconds for each in found.handling if each.slow_seconds]
        return self.page(
            request,
            "insights",
            here=HERE,
            days=days,
            periods=PERIODS,
            questions=questions_of(found),
            handling=handling_table(found.handling),
            handling_answer=handling_answer(found.handling),
            slowest=max(slow, default=1.0),
            **context,
        )

    async def table(self, request: Request) -> Response:
        """The numbers behind one chart, as CSV."""
        days, name = _days_of(request), path_value(request, "name")

        def find(room: Room, session: Session, viewer: Viewer) -> Mapping[str, Table]:
            period = _period(days)
            tables = tables_of(insights(session, period))
            if name in tables:
                return tables
            found = _quality(room, session, viewer, period)
            return tables | quality_tables(found["quality"], found["names"], found["policies"])

        tables = await look(request, find)
        if name not in tables:
            raise NotFoundError(f"There is no table '{name}'; there are {', '.join(tables)}.")
        table = tables[name]
        text = csv_text([table.columns, *table.rows])
        return download(text, f"ostraka-{name}-{days}-days.csv", "text/csv")


def _quality(room: Room, session: Session, viewer: Viewer, period: Period) -> dict[str, Any]:
    """The report on quality, with the names that its reader may know."""
    quality = quality_report(session, period)
    names = names_of(session, _reviewers(quality), viewer.person)
    policies = _policy_names(room.policies, session, quality)
    figures = list(figures_of(quality, names, policies))
    return {"quality": quality, "names": names, "policies": policies, "figures": figures}


def _days_of(request: Request) -> str:
    asked = asked_of(request, "days")
    return choice(asked, "days", list(PERIODS)) or USUAL


def _period(days: str) -> Period:
    """So many days, of which today is the last."""
    moment = now()
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(midnight - timedelta(days=int(days) - 1), moment)


def _reviewers(quality: QualityReport) -> list[str]:
    found = [each.subject for each in quality.reviewers]
    found += [each.reviewer_id for each in quality.accuracy]
    for pair in quality.confusion:
        for each in pair.newest:
            found += [each.first_reviewer, each.second_reviewer]
    return found


def _policy_names(
    policies: PolicyStore, session: Session, quality: QualityReport
) -> dict[str, str]:
    """The names of the versions that figures are about, by digest."""
    names = {}
    for each in quality.policies:
        try:
            names[each.subject] = policies.get(session, each.subject).name
        except NotFoundError:
            names[each.subject] = each.subject[7:19]
    return names
