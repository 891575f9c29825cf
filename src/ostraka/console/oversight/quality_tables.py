"""The tables behind what insights say of quality: agreement, accuracy, confusion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ostraka.console.review.names import Names
from ostraka.estimates.agreement import Estimate
from ostraka.estimates.shares import Share
from ostraka.review.quality_figures import AgreementFigure, QualityReport

EVERYBODY: Final = "All reviewers"


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart: what is downloaded is what is shown."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def quality_tables(
    quality: QualityReport, names: Names, policies: Mapping[str, str]
) -> dict[str, Table]:
    """Every table about quality that can be downloaded, by its name.

    `names` is what the reader may know of reviewers, `policies` the names of versions by digest.
    """
    return {
        "agreement_between": Table(
            (
                "between",
                "who",
                "on",
                "cases",
                *_columns("same"),
                *_columns("kappa"),
                *_columns("alpha"),
            ),
            [
                (group, who, each.label, each.cases, *_share(each.same), *_two_estimates(each))
                for group, who, each in figures_of(quality, names, policies)
            ],
        ),
        "accuracy": Table(
            ("reviewer", *_columns("golden"), "golden_cases", *_columns("upheld"), "disagreements"),
            [
                (
                    names.of(each.reviewer_id),
                    *_share(each.golden),
                    each.golden.of,
                    *_share(each.upheld),
                    each.upheld.of,
                )
                for each in quality.accuracy
            ],
        ),
        "confusion": Table(
            ("first", "second", "times", "not_settled"),
            [(each.first, each.second, each.times, each.open) for each in quality.confusion],
        ),
    }


def figures_of(
    quality: QualityReport, names: Names, policies: Mapping[str, str]
) -> Iterator[tuple[str, str, AgreementFigure]]:
    """Between whom, in words, and how far they agree; what has no cases is left out."""
    groups: Iterable[tuple[str, Sequence[AgreementFigure]]] = (
        (EVERYBODY, quality.overall),
        ("Policy", quality.policies),
        ("Reviewer", quality.reviewers),
        ("Model", quality.models),
    )
    for group, figures in groups:
        for each in figures:
            if each.cases:
                yield group, _called(group, each.subject, names, policies), each


def _called(group: str, subject: str, names: Names, policies: Mapping[str, str]) -> str:
    if group == "Policy":
        return policies[subject]
    if group == "Reviewer":
        return names.of(subject)
    return EVERYBODY if group == EVERYBODY else subject.split("@")[0]


def _columns(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _share(share: Share) -> tuple[float | None, float | None, float | None]:
    return share.value, share.low, share.high


def _estimate(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)


def _two_estimates(figure: AgreementFigure) -> tuple[float | None, ...]:
    return *_estimate(figure.kappa), *_estimate(figure.alpha)
