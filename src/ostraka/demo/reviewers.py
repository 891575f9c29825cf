"""The demo's people, and how the reviewers among them decide. Pure."""

import random
from dataclasses import dataclass
from typing import Final

from ostraka.access.roles import Role
from ostraka.demo.content import WrittenItem
from ostraka.review.terms import Ruling
from ostraka.taxonomy import Action, ViolationType


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who signs in. `accuracy` is how often a reviewer decides rightly."""

    name: str
    role: Role
    accuracy: float = 1.0

    @property
    def decides(self) -> bool:
        """Whether they work in the queue."""
        return self.role in (Role.REVIEWER, Role.LEAD)

    @property
    def leads(self) -> bool:
        """Whether they decide what others escalate."""
        return self.role is Role.LEAD


TEAM: Final = (
    Member("Ada Mensah", Role.ADMIN),
    Member("Lior Castel", Role.LEAD, 0.97),
    Member("Nuria Blom", Role.LEAD, 0.95),
    Member("Femi Adeyemi", Role.REVIEWER, 0.95),
    Member("Ines Varga", Role.REVIEWER, 0.88),
    Member("Tom Reiter", Role.REVIEWER, 0.6),
    Member("Priya Nair", Role.POLICY_OWNER),
    Member("Jun Okada", Role.ML_ENGINEER),
    Member("Noor Lindqvist", Role.CONTRIBUTOR),
)
"""People of every role; nobody of them exists."""

_REASONS: Final = {
    Action.APPROVE: "Within the rules: no person is attacked and nothing is sold.",
    Action.WARN: "Rude to a person, once and mildly.",
    Action.REMOVE: "Breaks the rules clearly, so it cannot stay.",
    Action.BAN_TEMPORARY: "Serious, or repeated after earlier decisions.",
    Action.BAN_PERMANENT: "Never tolerated here, whoever does it.",
    Action.ESCALATE: "Somebody may be in danger; a lead should take over.",
}
_CARED_FOR: Final = Ruling(
    Action.APPROVE,
    ViolationType.NONE,
    "We have written to the author and told them where to find help. The item stays.",
)
_MISTAKEN_VIOLATIONS: Final = {
    ViolationType.HARASSMENT: ViolationType.HATE_SPEECH,
    ViolationType.HATE_SPEECH: ViolationType.HARASSMENT,
    ViolationType.ILLEGAL_SERVICES: ViolationType.SPAM,
    ViolationType.SPAM: ViolationType.ILLEGAL_SERVICES,
}


def ruling_of(
    item: WrittenItem, member: Member, chance: random.Random, *, in_lead_queue: bool
) -> Ruling:
    """What a reviewer decides of an item: what is right, or a mistake that people make."""
    right = item.right
    if right.action is Action.ESCALATE:
        return _CARED_FOR if in_lead_queue else _with_reasons(right)
    if chance.random() < member.accuracy:
        return _with_reasons(right)
    return _with_reasons(_mistake(right, chance))


def is_right(ruling: Ruling, item: WrittenItem) -> bool:
    """Whether a decision is the right one."""
    return (ruling.action, ruling.violation) == (item.right.action, item.right.violation)


def seconds_of(item: WrittenItem, member: Member, chance: random.Random) -> float:
    """How long a reviewer looks at an item before deciding."""
    care = 55.0 if member.accuracy > 0.8 else 25.0
    grave = 2.2 if item.right.action in (Action.BAN_PERMANENT, Action.ESCALATE) else 1.0
    return max(6.0, chance.lognormvariate(0.0, 0.5) * care * grave)


def _mistake(right: Ruling, chance: random.Random) -> Ruling:
    if right.action is Action.APPROVE:
        return Ruling(Action.WARN, ViolationType.HARASSMENT)
    other = _MISTAKEN_VIOLATIONS.get(right.violation)
    if other is not None and chance.random() < 0.4:
        return Ruling(right.action, other)
    if right.action is Action.WARN:
        return Ruling(Action.APPROVE, ViolationType.NONE)
    return Ruling(Action.WARN, right.violation)


def _with_reasons(ruling: Ruling) -> Ruling:
    return Ruling(ruling.action, ruling.violation, _REASONS[ruling.action])
