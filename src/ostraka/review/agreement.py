"""The quality report: how far reviewers, policies and models agree, and how often they are right.

The figures are pure functions of opinions; only `quality_report` reads the database.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Final

from sqlalchemy.orm import Session

from ostraka.estimates.agreement import estimate_alpha, estimate_kappa
from ostraka.estimates.shares import Share
from ostraka.review.measures import Period
from ostraka.review.opinions import (
    GoldenOpinion,
    Opinion,
    Unit,
    golden_opinions,
    label_of,
    model_and_people,
    units,
)
from ostraka.review.quality_figures import (
    Accuracy,
    AgreementFigure,
    ConfusionPair,
    Disagreement,
    Missed,
    QualityReport,
)
from ostraka.taxonomy import Action

ALL: Final = "all"
LABELS: Final = ("action", "violation")
_NEWEST: Final = 5
_MOST_PAIRS: Final = 50

_Pairs = Counter[tuple[str, str]]


def quality_report(session: Session, period: Period) -> QualityReport:
    """Quality of decisions in a period."""
    compared = units(session, period)
    golden = list(golden_opinions(session, period))
    opinions = {each.decision_id for unit in compared for each in unit.opinions}
    return QualityReport(
        since=period.since.isoformat(),
        until=period.until.isoformat(),
        decisions=len(opinions | {each.opinion.decision_id for each in golden}),
        second_reviews=len(compared),
        golden_cases=len(golden),
        adjudications=sum(unit.answer is not None for unit in compared),
        overall=tuple(_figures({ALL: compared}, first_pairs)),
        policies=tuple(_figures(by_policy(compared), first_pairs)),
        reviewers=tuple(reviewer_figures(compared)),
        models=tuple(_model_figures(session, period)),
        accuracy=tuple(accuracy(golden, compared)),
        confusion=tuple(confusion(compared)),
        missed=tuple(missed(golden)),
    )


def by_policy(compared: Iterable[Unit]) -> dict[str, list[Unit]]:
    """Cases by the version of the policy that the first reviewer went by."""
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in compared:
        found[unit.opinions[0].policy_digest].append(unit)
    return dict(found)


def reviewer_figures(compared: Sequence[Unit]) -> list[AgreementFigure]:
    """Each reviewer beside everybody else on the same cases."""
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in compared:
        for opinion in unit.opinions:
            found[opinion.reviewer_id].append(unit)
    return [
        figure
        for reviewer, theirs in sorted(found.items())
        for figure in _figures({reviewer: theirs}, partial(pairs_of, reviewer))
    ]


def first_pairs(unit: Unit) -> list[tuple[Opinion, Opinion]]:
    """The first two opinions on a case."""
    return [(unit.opinions[0], unit.opinions[1])]


def pairs_of(reviewer: str, unit: Unit) -> list[tuple[Opinion, Opinion]]:
    """A reviewer's opinion on a case with each of the others'."""
    mine = [each for each in unit.opinions if each.reviewer_id == reviewer]
    others = [each for each in unit.opinions if each.reviewer_id != reviewer]
    return [(one, other) for one in mine for other in others]


def _figures(
    groups: Mapping[str, Sequence[Unit]], pairs: Callable[[Unit], list[tuple[Opinion, Opinion]]]
) -> list[AgreementFigure]:
    figures = []
    for subject, group in sorted(groups.items()):
        for label in LABELS:
            counted: _Pairs = Counter(
                (getattr(a, label), getattr(b, label)) for unit in group for a, b in pairs(unit)
            )
            values = [[getattr(each, label) for each in unit.opinions] for unit in group]
            figures.append(
                AgreementFigure(
                    subject=subject,
                    label=label,
                    cases=len(group),
                    same=_same(counted),
                    kappa=estimate_kappa(counted.elements()),
                    alpha=estimate_alpha(values),
                )
            )
    return figures


def _model_figures(session: Session, period: Period) -> list[AgreementFigure]:
    """Each model's verdicts beside what people decided. Who asked people named no action."""
    counted: defaultdict[tuple[str, str], _Pairs] = defaultdict(Counter)
    for model, action, violation, their_action, their_violation in model_and_people(
        session, period
    ):
        if action != Action.ESCALATE:
            counted[model, "action"][action, their_action] += 1
        counted[model, "violation"][violation, their_violation] += 1
    return [
        AgreementFigure(
            subject=model,
            label=label,
            cases=pairs.total(),
            same=_same(pairs),
            kappa=estimate_kappa(pairs.elements()),
            alpha=None,
        )
        for (model, label), pairs in sorted(counted.items())
    ]


def accuracy(golden: Sequence[GoldenOpinion], compared: Sequence[Unit]) -> list[Accuracy]:
    """How often each reviewer was right where the right decision is known."""
    kinds: dict[str, str] = {}
    right: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    upheld: defaultdict[str, list[bool]] = defaultdict(list)
    for each in golden:
        mine = each.opinion
        kinds[mine.reviewer_id] = mine.reviewer_kind
        same_action = mine.action == each.action
        right[mine.reviewer_id].append(
            (same_action and mine.violation == each.violation, same_action)
        )
    for unit in compared:
        for opinion in unit.opinions if unit.answer is not None else ():
            kinds[opinion.reviewer_id] = opinion.reviewer_kind
            upheld[opinion.reviewer_id].append(opinion.label == unit.answer)
    return [
        Accuracy(
            reviewer_id=reviewer,
            reviewer_kind=kind,
            golden=_share([both for both, _ in right[reviewer]]),
            golden_action=_share([action for _, action in right[reviewer]]),
            upheld=_share(upheld[reviewer]),
        )
        for reviewer, kind in sorted(kinds.items())
    ]


def confusion(compared: Iterable[Unit]) -> list[ConfusionPair]:
    """Where reviewers take the same items for different things, the most frequent first."""
    found: defaultdict[tuple[str, str], list[tuple[Unit, Opinion, Opinion]]] = defaultdict(list)
    for unit in compared:
        seen = set()
        for a, b in combinations(unit.opinions, 2):
            one, other = sorted((a, b), key=lambda each: each.label)
            pair = (one.label, other.label)
            if one.label != other.label and pair not in seen:
                seen.add(pair)
                found[pair].append((unit, one, other))
    ranked = sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))
    return [_pair(first, second, cases) for (first, second), cases in ranked[:_MOST_PAIRS]]


def _pair(first: str, second: str, cases: Sequence[tuple[Unit, Opinion, Opinion]]) -> ConfusionPair:
    answers = Counter(unit.answer for unit, _, _ in cases if unit.answer is not None)
    newest = sorted(cases, key=lambda each: each[0].opinions[-1].decision_id, reverse=True)
    return ConfusionPair(
        first=first,
        second=second,
        times=len(cases),
        open=len(cases) - answers.total(),
        settled=tuple(answers.most_common()),
        newest=tuple(
            Disagreement(
                item_id=one.item_id,
                case_id=unit.id,
                first_reviewer=one.reviewer_id,
                second_reviewer=other.reviewer_id,
                decided_at=unit.opinions[-1].made_at.isoformat(),
                adjudication=unit.answer,
            )
            for unit, one, other in newest[:_NEWEST]
        ),
    )


def missed(golden: Iterable[GoldenOpinion]) -> list[Missed]:
    """What reviewers made of golden cases instead of what is right, the most frequent first."""
    counts = Counter(
        (label_of(each.action, each.violation), each.opinion.label)
        for each in golden
        if label_of(each.action, each.violation) != each.opinion.label
    )
    return [Missed(right, decided, times) for (right, decided), times in counts.most_common()]


def _same(pairs: _Pairs) -> Share:
    return Share.counted(sum(n for (a, b), n in pairs.items() if a == b), pairs.total())


def _share(answers: Sequence[bool]) -> Share:
    return Share.counted(sum(answers), len(answers))
