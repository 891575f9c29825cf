"""Boards of contributors, and the numbers of one: from the counts that are kept with every act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.trees.contributions import AVERAGED_LABELS
from ostraka.trees.statistics import (
    Contributions,
    Frame,
    Received,
    Streak,
    board,
    leader_score,
    level,
    troll_score,
    window,
)
from ostraka.trees.tables import ContributorRow
from ostraka.trees.tallying import sums

MOST_LINES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """One contributor in one frame."""

    contributor: ContributorRow
    frame: Frame
    rank: int | None
    """Place on the board; None for whoever does not show on it."""
    score: int
    level: int
    done: Contributions
    streak_days: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """What others said of one contributor's messages in one frame."""

    contributor: ContributorRow
    rank: int
    score: int
    received: Received
    means: Mapping[str, float | None] = field(hash=False)
    """The mean of each label that is averaged; None where nobody gave it."""
    spam: float = 0.0
    """The sum of spam labels."""


def leaderboard(session: Session, frame: Frame, now: datetime, limit: int = 100) -> list[Standing]:
    """The contributors who show on the board, by points."""
    return _standings(session, frame, now)[:limit]


def standing_of(session: Session, contributor: str, frame: Frame, now: datetime) -> Standing:
    """Somebody's numbers, and their place if they show on the board.

    Raises:
        NotFoundError: there is no such contributor.
    """
    ranked = {each.contributor.id: each for each in _standings(session, frame, now)}
    if contributor in ranked:
        return ranked[contributor]
    row = session.get(ContributorRow, contributor)
    if row is None:
        raise NotFoundError(
            f"There is no contributor '{contributor}'.", code="contributor_not_found"
        )
    counts = sums(session, frame, now, [contributor]).get(contributor, {})
    done = _contributions(counts)
    return _standing(row, frame, None, done, now)


def around(
    session: Session, contributor: str, frame: Frame, now: datetime, size: int
) -> list[Standing]:
    """So many lines of the board around a contributor."""
    ranked = _standings(session, frame, now)
    by_id = {each.contributor.id: each for each in ranked}
    places = board({each.contributor.id: each.score for each in ranked})
    return [by_id[place.contributor] for place in window(places, contributor, size)]


def trollboard(
    session: Session,
    frame: Frame,
    now: datetime,
    limit: int = 100,
    *,
    enabled: bool | None = None,
) -> list[Trouble]:
    """Contributors by the trouble that their messages made; `enabled` picks those who may still
    contribute, or those who may not.
    """
    counts = sums(session, frame, now)
    rows = _rows(session, list(counts))
    received = {
        who: _received(counts[who])
        for who, row in rows.items()
        if enabled is None or (row.banned_at is None and row.erased_at is None) is enabled
    }
    places = board({who: troll_score(each) for who, each in received.items()})
    return [
        Trouble(
            contributor=rows[place.contributor],
            rank=place.rank,
            score=place.score,
            received=received[place.contributor],
            means=_means(counts[place.contributor]),
            spam=counts[place.contributor].get("spam_sum", 0.0),
        )
        for place in places[:limit]
    ]


def _standings(session: Session, frame: Frame, now: datetime) -> list[Standing]:
    """Everybody who shows on the board, best first."""
    counts = sums(session, frame, now)
    rows = {
        who: row
        for who, row in _rows(session, list(counts)).items()
        if row.show_on_leaderboard and row.banned_at is None and row.erased_at is None
    }
    done = {who: _contributions(counts[who]) for who in rows}
    places = board({who: leader_score(each) for who, each in done.items() if each != _NOTHING})
    return [
        _standing(rows[place.contributor], frame, place.rank, done[place.contributor], now)
        for place in places
    ]


def _standing(
    row: ContributorRow, frame: Frame, rank: int | None, done: Contributions, now: datetime
) -> Standing:
    score = leader_score(done)
    streak = None
    if row.streak_began is not None and row.last_active_at is not None:
        streak = Streak(row.streak_began, row.last_active_at)
    return Standing(
        contributor=row,
        frame=frame,
        rank=rank,
        score=score,
        level=0 if done == _NOTHING else level(score),
        done=done,
        streak_days=streak.days(now) if streak else 0,
    )


def _rows(session: Session, contributors: Sequence[str]) -> dict[str, ContributorRow]:
    """Contributors that are known here; an imported tree may name others."""
    found: dict[str, ContributorRow] = {}
    for start in range(0, len(contributors), 1000):
        chunk = contributors[start : start + 1000]
        wanted = select(ContributorRow).where(ContributorRow.id.in_(chunk))
        found.update((row.id, row) for row in session.scalars(wanted))
    return found


def _contributions(counts: Mapping[str, float]) -> Contributions:
    return Contributions(
        **{each.name: round(counts.get(each.name, 0)) for each in fields(Contributions)}
    )


def _received(counts: Mapping[str, float]) -> Received:
    return Received(**{each.name: round(counts.get(each.name, 0)) for each in fields(Received)})


def _means(counts: Mapping[str, float]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for label in AVERAGED_LABELS:
        count = counts.get(f"{label}_count", 0)
        found[label] = counts.get(f"{label}_sum", 0.0) / count if count else None
    return found


_NOTHING: Final = Contributions()
