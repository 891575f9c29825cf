"""Counting what two versions say of the same items: one pass, in constant memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ostraka.estimates.shares import Share
from ostraka.review.comparison import AgainstPeople, Cell, Compared, Example
from ostraka.review.facts import ACTING
from ostraka.review.picking import Picks
from ostraka.taxonomy import Action

EXAMPLES: Final = 10
_APPROVE: Final = str(Action.APPROVE)
_ESCALATE: Final = str(Action.ESCALATE)
_ACTING: Final = frozenset(str(action) for action in ACTING)


@dataclass(frozen=True, slots=True)
class Said:
    """What one version says of an item."""

    action: str
    violation: str
    rule: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An item, and what the two say of it."""

    item_id: str
    verdict_id: str
    before: Said
    after: Said
    people: str | None
    """The action that people decided."""
    why: Callable[[], str]
    """Asked only for the few that become examples."""

    def example(self) -> Example:
        """The pair as it is shown."""
        return Example(
            item_id=self.item_id,
            verdict_id=self.verdict_id,
            before=self.before.action,
            after=self.after.action,
            violation_before=self.before.violation,
            violation_after=self.after.violation,
            rule_before=self.before.rule,
            rule_after=self.after.rule,
            why=self.why(),
            people=self.people,
        )


class Comparison:
    """Takes pairs one at a time. Used once."""

    def __init__(self, seed: str) -> None:
        self._matrix: Counter[tuple[str, str]] = Counter()
        self._with_people: Counter[tuple[str, str, str]] = Counter()
        self._violations = 0
        self._caught: Picks[Pair] = Picks(EXAMPLES, f"{seed} caught")
        self._freed: Picks[Pair] = Picks(EXAMPLES, f"{seed} freed")
        self._changed: Picks[Pair] = Picks(EXAMPLES, f"{seed} changed")
        self._against: Picks[Pair] = Picks(EXAMPLES, f"{seed} against people")

    def same(self, action: str, people: str | None, items: int = 1) -> None:
        """Count items of which both say the same, and which can be no example."""
        self._matrix[action, action] += items
        if people is not None:
            self._with_people[action, action, people] += items

    def take(self, pair: Pair) -> None:
        """Count a pair, and maybe keep it as an example."""
        before, after = pair.before, pair.after
        self._matrix[before.action, after.action] += 1
        kind = (before.action, after.action, after.rule)
        if before.action == after.action:
            self._violations += before.violation != after.violation
        elif before.action == _APPROVE:
            self._caught.offer(kind, pair)
        elif after.action == _APPROVE:
            self._freed.offer(kind, pair)
        else:
            self._changed.offer(kind, pair)
        if pair.people is not None:
            self._with_people[before.action, after.action, pair.people] += 1
            if contradicts(after.action, pair.people):
                self._against.offer((after.action, pair.people, after.rule), pair)

    @property
    def items(self) -> int:
        """How many were counted."""
        return self._matrix.total()

    def result(self) -> Compared:
        """Everything that was counted."""
        cells = sorted(self._matrix.items(), key=lambda each: (-each[1], each[0]))
        same = sum(count for (before, after), count in cells if before == after)
        return Compared(
            items=self.items,
            same=Share.counted(same, self.items),
            matrix=tuple(Cell(before, after, count) for (before, after), count in cells),
            violations_changed=self._violations,
            newly_caught=sum(n for (a, b), n in cells if a == _APPROVE != b),
            newly_freed=sum(n for (a, b), n in cells if b == _APPROVE != a),
            caught=_shown(self._caught),
            freed=_shown(self._freed),
            changed=_shown(self._changed),
            people_before=against_people(self._people(0)),
            people_after=against_people(self._people(1)),
            against_people=_shown(self._against),
        )

    def _people(self, side: int) -> Counter[tuple[str, str]]:
        counts: Counter[tuple[str, str]] = Counter()
        for actions, count in self._with_people.items():
            counts[actions[side], actions[2]] += count
        return counts


def against_people(counts: Counter[tuple[str, str]]) -> AgainstPeople:
    """The figures of a version, by its action and that of people."""

    def items(mine: frozenset[str], theirs: frozenset[str]) -> int:
        return sum(n for (a, b), n in counts.items() if a in mine and b in theirs)

    every = frozenset(str(action) for action in Action)
    acted, violations = items(_ACTING, every), items(every, _ACTING)
    right = items(_ACTING, _ACTING)
    return AgainstPeople(
        decided=counts.total(),
        same_action=Share.counted(sum(n for (a, b), n in counts.items() if a == b), counts.total()),
        precision=Share.counted(right, acted),
        recall=Share.counted(right, violations),
        found=Share.counted(right + items(frozenset({_ESCALATE}), _ACTING), violations),
    )


def contradicts(action: str, people: str) -> bool:
    """Whether an action is another than people's. Who asks people contradicts nobody."""
    return action not in (people, _ESCALATE)


def _shown(picks: Picks[Pair]) -> tuple[Example, ...]:
    return tuple(pair.example() for pair in picks.dealt())
