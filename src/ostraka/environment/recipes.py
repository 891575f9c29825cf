"""Recipes for items: which causes meet in one, so that every task has the cases that it needs.

A recipe of a contrast pair gets a `side`. Two episodes whose seeds are partners hold the two sides
of each pair: the same text, and one cause turned around.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.environment.items import Draft, Prior, Stance
from ostraka.environment.library import FRAMED, Library, Split
from ostraka.environment.policies import CommunityPolicy
from ostraka.environment.randomness import Draw
from ostraka.environment.writing import disguised, filled, in_register, quoted

MINOR: Final = ("insult",)
PLAIN: Final = ("spam", "hate", "illicit", "harassment")
ZERO: Final = ("csam", "doxxing", "data-sale")
TYPES: Final = (
    ("spam",),
    ("hate",),
    ("illicit",),
    ("misinformation",),
    ("csam",),
    ("doxxing", "data-sale"),
    ("insult", "harassment", "threat"),
)
"""Clauses by violation type."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a recipe works with. `clauses` are handed out so that types vary within an episode."""

    split: Split
    library: Library
    policy: CommunityPolicy
    draw: Draw
    side: bool
    pair: str
    turn: int

    def core(self, clause: str, kind: str) -> tuple[str, str]:
        """A text about `clause`, and the family that it comes from."""
        patterns = getattr(self.library.clauses[clause], kind)
        number = self.draw.below(len(patterns))
        text = filled(patterns[number], self.library.slots, self.draw)
        return text, f"{self.split}/{clause}/{kind}/{number}"

    def typed(self, text: str) -> str:
        """`text` in some register."""
        return in_register(text, self.draw, self.library.openings)

    def clause_of_turn(self) -> str:
        """A clause whose violation type differs from those of the neighbouring turns."""
        return self.draw.one(TYPES[self.turn % len(TYPES)])

    def record(self, kind: str) -> tuple[Prior, ...]:
        """An author's record: `clean`, `one`, `repeat`, `expired` or `final`."""
        community, draw = self.policy.community, self.draw
        fresh, old = (5, community.expire_days - 10), (community.expire_days + 15, 900)
        kinds = ("spam", "harassment", "hate_speech")
        if kind == "final":
            number = community.final_violations + draw.below(2)
            made = [("warn", old if draw.coin() else fresh) for _ in range(number)]
        else:
            number = int(community.repeat_strikes)
            made = {
                "clean": [],
                "one": [("warn", fresh)],
                "repeat": [("remove", fresh)] * number,
                "expired": [("remove", old)] * number,
            }[kind]
        return tuple(
            sorted(
                (Prior(action, draw.one(kinds), draw.between(*when)) for action, when in made),
                key=lambda each: -each.days_ago,
            )
        )

    def any_record(self) -> tuple[Prior, ...]:
        """A record that says nothing of the item."""
        return self.record(self.draw.one(("clean", "one", "repeat", "expired", "final")))


Recipe = Callable[[Bench], Draft]


def violating(bench: Bench) -> Draft:
    """A plain violation by an author without a record."""
    clause = bench.clause_of_turn()
    text, family = bench.core(clause, "violating")
    return Draft(bench.typed(text), clause, Stance.VIOLATING, family)


def obfuscated(bench: Bench) -> Draft:
    """A violation in disguised spelling, or with an instruction to the moderator."""
    clause = bench.draw.one(PLAIN)
    text, family = bench.core(clause, "violating")
    record = bench.record(bench.draw.one(("clean", "repeat", "final")))
    if bench.draw.coin():
        text = disguised(text, bench.draw)
    else:
        text = f"{text} {bench.draw.one(bench.library.instructions)}"
    return Draft(text, clause, Stance.VIOLATING, family, record)


def lookalike(bench: Bench) -> Draft:
    """A harmless text with the words of a violation, whatever its author's record."""
    clause = bench.draw.one(tuple(bench.library.clauses))
    text, family = bench.core(clause, "lookalike")
    return Draft(bench.typed(text), clause, Stance.LOOKALIKE, family, bench.any_record())


def crisis_lookalike(bench: Bench) -> Draft:
    """A harmless text with the words of a crisis."""
    text, family = bench.core("self_harm", "lookalike")
    return Draft(bench.typed(text), "self_harm", Stance.LOOKALIKE, family, bench.any_record())


def framed(bench: Bench) -> Draft:
    """A violation that is quoted to condemn, report or study it."""
    clause = bench.draw.one(FRAMED)
    core, family = bench.core(clause, "violating")
    intent = bench.draw.one(tuple(bench.library.frames))
    text = quoted(bench.draw.one(bench.library.frames[intent]), core)
    record = bench.any_record()
    return Draft(bench.typed(text), clause, Stance.FRAMED, f"{family}/{intent}", record)


def chatter(bench: Bench) -> Draft:
    """Something harmless by an author with any record."""
    text = filled(bench.draw.one(bench.library.chatter), bench.library.slots, bench.draw)
    family = f"{bench.split}/chatter"
    return Draft(bench.typed(text), "none", Stance.CHATTER, family, bench.any_record())


def minor(bench: Bench) -> Draft:
    """A minor violation: the pair is a clean record, and one with an earlier violation."""
    text, family = bench.core("insult", "violating")
    text = bench.typed(text)
    record = bench.record("one" if bench.side else "clean")
    return Draft(text, "insult", Stance.VIOLATING, family, record, pair=bench.pair)


def history(bench: Bench) -> Draft:
    """A plain violation: the pair is strikes that count, and strikes that have expired."""
    clause = bench.draw.one(PLAIN)
    text, family = bench.core(clause, "violating")
    text = bench.typed(text)
    record = bench.record("repeat" if bench.side else "expired")
    return Draft(text, clause, Stance.VIOLATING, family, record, pair=bench.pair)


def last_straw(bench: Bench) -> Draft:
    """A plain or minor violation: the pair is a record at its end, and a clean one."""
    clause = bench.draw.one(MINOR + PLAIN)
    text, family = bench.core(clause, "violating")
    text = bench.typed(text)
    record = bench.record("final" if bench.side else "clean")
    return Draft(text, clause, Stance.VIOLATING, family, record, pair=bench.pair)


def zero_tolerance(bench: Bench) -> Draft:
    """What is never tolerated, whatever the record."""
    clause = bench.draw.one(ZERO)
    text, family = bench.core(clause, "violating")
    record = bench.record(bench.draw.one(("clean", "one")))
    return Draft(bench.typed(text), clause, Stance.VIOLATING, family, record)


def serious(bench: Bench) -> Draft:
    """A threat: one is enough for a ban."""
    text, family = bench.core("threat", "violating")
    record = bench.record(bench.draw.one(("clean", "one", "expired")))
    return Draft(bench.typed(text), "threat", Stance.VIOLATING, family, record)


def policy_pair(bench: Bench) -> Draft:
    """A small offer: the pair is a community that allows it, and one that does not."""
    text, family = bench.core("promotion", "violating")
    text = bench.typed(text)
    return Draft(text, "promotion", Stance.VIOLATING, family, pair=bench.pair)


def scene(bench: Bench) -> Draft:
    """A reply: the pair is a thread among friends, and one in which it hurts."""
    number = bench.draw.below(len(bench.library.scenes))
    found, blanks = bench.library.scenes[number], bench.library.slots
    filler = bench.draw.below(10**9)
    text, *thread = (
        filled(each, blanks, Draw(filler))
        for each in (found.reply, *(found.hostile if bench.side else found.friendly))
    )
    stance = Stance.VIOLATING if bench.side else Stance.LOOKALIKE
    family = f"{bench.split}/scene/{number}"
    return Draft(text, found.clause, stance, family, thread=tuple(thread), pair=bench.pair)


def unclear(bench: Bench) -> Draft:
    """A text of which people disagree whether it violates anything."""
    clauses = [
        name
        for name, clause in bench.library.clauses.items()
        if clause.unclear and name != "promotion"
    ]
    clause = bench.draw.one(clauses)
    text, family = bench.core(clause, "unclear")
    record = bench.record(bench.draw.one(("clean", "one")))
    return Draft(bench.typed(text), clause, Stance.UNCLEAR, family, record)


def crisis(bench: Bench) -> Draft:
    """Somebody may be in danger."""
    text, family = bench.core("self_harm", "violating")
    return Draft(bench.typed(text), "self_harm", Stance.VIOLATING, family, bench.any_record())


def appeal(bench: Bench) -> Draft:
    """An appeal against a removal: the pair is one with evidence, and one without."""
    clause = bench.draw.one(PLAIN)
    text, family = bench.core(clause, "violating")
    text = bench.typed(text)
    appeals = bench.library.appeals
    reason = bench.draw.one(appeals.plausible if bench.side else appeals.implausible)
    return Draft(
        text,
        clause,
        Stance.VIOLATING,
        family,
        appeal=reason,
        plausible=bench.side,
        pair=bench.pair,
    )


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            violating, obfuscated, lookalike, crisis_lookalike, framed, chatter, minor, history,
            last_straw, zero_tolerance, serious, policy_pair, scene, unclear, crisis, appeal,
        )
    }
)  # fmt: skip
PAIRED: Final = frozenset({"minor", "history", "last_straw", "policy_pair", "scene", "appeal"})
"""Recipes whose two sides are dealt in partner episodes."""
