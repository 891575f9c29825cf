"""Find work for somebody in the database, by indexes alone: its cost does not grow with the trees.

What is found may be gone when its tree is locked; the rules are asked again then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import chain
from random import Random
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, exists, func, select, union_all
from sqlalchemy.orm import Session

from ostraka.trees.configuration import LabelKind, TreeConfiguration
from ostraka.trees.selection import FAMILIES, Candidate, TaskType
from ostraka.trees.tables import TreeBarRow, TreeOpeningRow

PLACES: Final = 2**48
"""`shuffle` is less than this."""

_BATCH: Final = 8
_LABEL_KINDS: Final[dict[TaskType, LabelKind]] = {
    TaskType.LABEL_INITIAL_PROMPT: "initial_prompt",
    TaskType.LABEL_PROMPTER_REPLY: "prompter_reply",
    TaskType.LABEL_ASSISTANT_REPLY: "assistant_reply",
}
_OPENINGS: Final[Any] = TreeOpeningRow.__table__
_BARS: Final[Any] = TreeBarRow.__table__
_MOST_STREAMS: Final = 4


def _free(number: int = 0) -> Select[Any]:
    """Free openings of one kind from a place on; its parameters end in a number."""
    return (
        select(
            _OPENINGS.c.message_id,
            _OPENINGS.c.tree_id,
            _OPENINGS.c.kind,
            _OPENINGS.c.missing,
            _OPENINGS.c.lonely,
            _OPENINGS.c.shuffle,
        )
        .where(
            _OPENINGS.c.language == bindparam("language"),
            _OPENINGS.c.kind == bindparam(f"kind_{number}"),
            _OPENINGS.c.is_free.is_(True),
            _OPENINGS.c.lonely == bindparam(f"lonely_{number}"),
            _OPENINGS.c.missing == bindparam("missing"),
            _OPENINGS.c.shuffle >= bindparam(f"low_{number}"),
            _OPENINGS.c.shuffle < bindparam(f"high_{number}"),
            ~exists().where(
                _BARS.c.message_id == _OPENINGS.c.message_id,
                _BARS.c.activity == _OPENINGS.c.activity,
                _BARS.c.contributor == bindparam("contributor"),
            ),
        )
        .order_by(_OPENINGS.c.shuffle)
        .limit(_BATCH)
    )


_FREE: Final = _free()
_FIRST: Final = {
    streams: union_all(*(_free(number).subquery().select() for number in range(2 * streams)))
    for streams in range(1, _MOST_STREAMS + 1)
}
"""The first openings of several kinds, before and after the place to begin at, in one go. All built
once, since every request asks for them.
"""


@dataclass(frozen=True, slots=True)
class Search:
    """Who looks for what."""

    contributor: str
    language: str
    types: Sequence[TaskType]


@dataclass(frozen=True, slots=True)
class Work:
    """How much there is of one kind: `why` it is not for who asks, None where it is."""

    type: TaskType
    missing: int
    is_free: bool
    why: str | None
    count: int


def candidates(
    session: Session, search: Search, configuration: TreeConfiguration, random: Random
) -> Iterator[Candidate]:
    """Work for somebody, in the order in which it is to be tried; read as far as it is wanted.

    Reviews and rankings that lack the least come first. With some chance lonely prompts come
    before others. Among equals it is left to chance.
    """
    start = random.randrange(PLACES)
    if search.types[0] in FAMILIES["reply"]:
        if random.random() < configuration.p_lonely_child_extension:
            yield from _in_turn(session, search, start, 1, (True,))
        yield from _in_turn(session, search, start, 1, (False, True))
        return
    for missing in range(1, _most(configuration) + 1):
        yield from _in_turn(session, search, start, missing, (False,))


def work_in_language(session: Session, language: str, contributor: str) -> list[Work]:
    """All the work of a language, counted."""
    bar = (
        (TreeBarRow.message_id == TreeOpeningRow.message_id)
        & (TreeBarRow.activity == TreeOpeningRow.activity)
        & (TreeBarRow.contributor == contributor)
    )
    columns = (
        TreeOpeningRow.kind,
        TreeOpeningRow.missing,
        TreeOpeningRow.is_free,
        TreeBarRow.why,
    )
    found = session.execute(
        select(*columns, func.count())
        .outerjoin(TreeBarRow, bar)
        .where(TreeOpeningRow.language == language)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [Work(TaskType(row[0]), row[1], row[2], row[3], row[4]) for row in found]


def _most(configuration: TreeConfiguration) -> int:
    """How many people work can lack at most."""
    return max(
        configuration.num_reviews_initial_prompt,
        configuration.num_reviews_reply,
        configuration.num_required_rankings,
    )


def _in_turn(
    session: Session, search: Search, start: int, missing: int, lonely: Sequence[bool]
) -> Iterator[Candidate]:
    """Free openings from a place in the meaningless order on, once around."""
    stretches = [
        _Stretch(str(kind), missing, each, low, high)
        for kind in search.types
        for each in lonely
        for low, high in ((start, PLACES), (0, start))
    ]
    first = _first_of(session, search, stretches)
    streams = [
        chain.from_iterable(_rest(session, search, each, first[each]) for each in pair)
        for pair in zip(stretches[::2], stretches[1::2], strict=True)
    ]
    for row in merge(*streams, key=lambda row: (row.shuffle - start) % PLACES):
        type_ = TaskType(row.kind)
        label_kind = _LABEL_KINDS.get(type_, "initial_prompt")
        yield Candidate(
            type_, row.tree_id, row.message_id, row.missing, row.lonely, kind=label_kind
        )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Openings of a kind in a part of the meaningless order."""

    kind: str
    missing: int
    lonely: bool
    low: int
    high: int

    def holds(self, row: Row[Any]) -> bool:
        """Whether an opening lies in it."""
        is_kind: bool = (row.kind, row.lonely) == (self.kind, self.lonely)
        return is_kind and self.low <= int(row.shuffle) < self.high

    def parameters(self, number: int = 0) -> dict[str, Any]:
        """What a statement is given to look for it."""
        return {
            f"kind_{number}": self.kind,
            f"lonely_{number}": self.lonely,
            f"low_{number}": self.low,
            f"high_{number}": self.high,
        }


def _first_of(
    session: Session, search: Search, stretches: Sequence[_Stretch]
) -> dict[_Stretch, list[Row[Any]]]:
    wanted = _asked(search, stretches[0].missing)
    for number, each in enumerate(stretches):
        wanted |= each.parameters(number)
    rows = session.connection().execute(_FIRST[len(stretches) // 2], wanted).all()
    return {
        each: sorted((row for row in rows if each.holds(row)), key=lambda row: row.shuffle)
        for each in stretches
    }


def _rest(
    session: Session, search: Search, stretch: _Stretch, rows: Sequence[Row[Any]]
) -> Iterator[Row[Any]]:
    """The openings of a stretch of which the first are here, read as far as they are wanted."""
    while True:
        yield from rows
        if len(rows) < _BATCH:
            return
        stretch = replace(stretch, low=rows[-1].shuffle + 1)
        wanted = _asked(search, stretch.missing) | stretch.parameters()
        rows = session.connection().execute(_FREE, wanted).all()


def _asked(search: Search, missing: int) -> dict[str, Any]:
    return {"contributor": search.contributor, "language": search.language, "missing": missing}
