"""What a mean reward does not tell: what was missed, what was removed in vain, whom to trust."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from ostraka.environment.actions import MALFORMED
from ostraka.environment.items import Item
from ostraka.environment.play import Decision
from ostraka.environment.running import Played
from ostraka.taxonomy import Action

INVALID: Final = "invalid"
_SEVERE: Final = ("high", "critical")


@dataclass(frozen=True, slots=True)
class ClauseFigures:
    """How the items about one clause were decided.

    `recall` is the share of its violations that were not approved, `over_removal` that of its
    harmless items that were not; None where there were none.
    """

    violations: int
    harmless: int
    recall: float | None
    over_removal: float | None
    exact: float


@dataclass(frozen=True, slots=True)
class Report:
    """Figures over some plays. None where nothing could be counted.

    `recall` is the share of violations of a severity that were not approved, by severity;
    `over_removal` the share of harmless items that were not approved; `pair_accuracy` that of
    contrast pairs whose two sides were both decided rightly; `agreement` the share of people who
    would have decided as the agent did; `calibration` the mean squared error of stated confidence;
    `normalized` the score between the best constant answer (0) and the oracle (1); `malformed` the
    share of answers in which a model named no action, which are part of the `invalid` ones.
    `clauses` are the figures by clause, `confusion` how often which action was given where which
    one was right, and `scores` the scores of the episodes by seed.
    """

    episodes: int
    decisions: int
    score: float
    exact: float | None
    recall: dict[str, float]
    over_removal: float | None
    pair_accuracy: float | None
    pairs: int
    deadline_misses: float | None
    escalation_precision: float | None
    agreement: float | None
    calibration: float | None
    invalid: float | None
    malformed: float | None
    normalized: float | None
    clauses: dict[str, ClauseFigures]
    confusion: dict[str, dict[str, int]]
    scores: dict[int, float]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def report_on(plays: Sequence[Played], best_constant: float | None = None) -> Report:
    """The figures of `plays`; `best_constant` is the score of the best constant answer."""
    decided = list(_decided(plays))
    score = _mean([play.score for play in plays]) or 0.0
    escalated = [each for each in decided if each[1].answer.action == Action.ESCALATE]
    stated = [
        (decision.answer.confidence - _exact(item, decision)) ** 2
        for item, decision in decided
        if decision.answer.confidence is not None
    ]
    pairs = _pairs(decided)
    return Report(
        episodes=len(plays),
        decisions=len(decided),
        score=score,
        exact=_mean([_exact(*each) for each in decided]),
        recall=_recall(decided),
        over_removal=_mean(
            [
                decision.answer.action != Action.APPROVE
                for item, decision in decided
                if item.action is Action.APPROVE
            ]
        ),
        pair_accuracy=_mean([all(sides) for sides in pairs]),
        pairs=len(pairs),
        deadline_misses=_deadline_misses(plays),
        escalation_precision=_mean([_exact(*each) for each in escalated]),
        agreement=_mean([_agreement(*each) for each in decided]),
        calibration=_mean(stated),
        invalid=_mean([not decision.valid for _, decision in decided]),
        malformed=_mean([decision.answer.given == MALFORMED for _, decision in decided]),
        normalized=None if best_constant is None else (score - best_constant) / (1 - best_constant),
        clauses=_clauses(decided),
        confusion=_confusion(decided),
        scores={play.episode.seed: play.score for play in plays},
    )


def report_of_scores(scores: Mapping[int, float]) -> Report:
    """What is known of plays on a server, which does not tell what was right: their scores."""
    return replace(
        report_on([]), episodes=len(scores), score=_mean([*scores.values()]) or 0.0,
        scores=dict(scores),
    )  # fmt: skip


def _decided(plays: Sequence[Played]) -> Iterator[tuple[Item, Decision]]:
    for play in plays:
        for decision in play.decisions:
            if decision.decides:
                yield play.episode.items[decision.place], decision


def _exact(item: Item, decision: Decision) -> bool:
    return decision.valid and decision.answer.action == item.action


def _agreement(item: Item, decision: Decision) -> float:
    return item.votes.get(decision.answer.action, 0) / sum(item.votes.values())


def _recall(decided: Sequence[tuple[Item, Decision]]) -> dict[str, float]:
    caught: dict[str, list[bool]] = defaultdict(list)
    for item, decision in decided:
        if item.action is not Action.APPROVE:
            name = "severe" if item.severity in _SEVERE else "other"
            caught[name].append(decision.valid and decision.answer.action != Action.APPROVE)
    return {name: sum(found) / len(found) for name, found in sorted(caught.items())}


def _clauses(decided: Sequence[tuple[Item, Decision]]) -> dict[str, ClauseFigures]:
    by_clause: dict[str, list[tuple[Item, Decision]]] = defaultdict(list)
    for item, decision in decided:
        by_clause[item.draft.clause].append((item, decision))
    found = {}
    for name, all_of_it in sorted(by_clause.items()):
        acted = [
            (item.action is Action.APPROVE, decision.answer.action != Action.APPROVE)
            for item, decision in all_of_it
            if decision.valid
        ]
        harmless = [did for is_harmless, did in acted if is_harmless]
        caught = [did for is_harmless, did in acted if not is_harmless]
        violations = sum(item.action is not Action.APPROVE for item, _ in all_of_it)
        found[name] = ClauseFigures(
            violations=violations,
            harmless=len(all_of_it) - violations,
            # An answer that was none has caught nothing.
            recall=sum(caught) / violations if violations else None,
            over_removal=_mean(harmless),
            exact=sum(_exact(*each) for each in all_of_it) / len(all_of_it),
        )
    return found


def _confusion(decided: Sequence[tuple[Item, Decision]]) -> dict[str, dict[str, int]]:
    """Counts by the right action and the given one; what was none counts as `invalid`."""
    names = [action.value for action in Action]
    found = {right: dict.fromkeys((*names, INVALID), 0) for right in names}
    for item, decision in decided:
        given = decision.answer.action if decision.valid else INVALID
        found[item.action.value][given] += 1
    return found


def _pairs(decided: Sequence[tuple[Item, Decision]]) -> list[list[bool]]:
    """Whether each side was decided rightly, for the pairs of which both sides were played."""
    sides: dict[str, list[bool]] = defaultdict(list)
    for item, decision in decided:
        if item.draft.pair:
            sides[f"{item.draft.pair}"].append(_exact(item, decision))
    return [found for found in sides.values() if len(found) == 2]


def _deadline_misses(plays: Sequence[Played]) -> float | None:
    """The share of a shift's items that were late or left; None where there is no shift."""
    shifts = [play for play in plays if play.episode.task.shift]
    if not shifts:
        return None
    items = sum(len(play.episode.items) for play in shifts)
    in_time = sum(each.decides and not each.late for play in shifts for each in play.decisions)
    return 1 - in_time / items


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
