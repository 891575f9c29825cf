"""What the pages of policies show, read in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.console.review.names import Names, names_of
from ostraka.console.review.room import Room, Viewer
from ostraka.errors import NotFoundError, PolicyError, PolicyProblem
from ostraka.policy.compiled import Policy
from ostraka.policy.difference import Change, diff
from ostraka.policy.presets import default_text
from ostraka.policy.testing import ExampleResult, Scored, run_examples, scorer_of
from ostraka.review.backtest import last_backtest
from ostraka.review.policies import (
    ACTIVE,
    before_present,
    get_policy,
    history,
    last_activation,
    shadows,
)
from ostraka.review.tables import ActivationRow, BacktestRow, PolicyRow

MOST_VERSIONS: Final = 100
MOST_STEPS: Final = 50
SHORT: Final = 12
"""Digits of a digest that an address and a table name."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the policy as a list shows it."""

    digest: str
    name: str
    author: str
    note: str
    created_at: datetime | None
    acts: bool
    in_shadow: bool
    acted: bool = False
    """At any time."""
    tested: bool = False
    """Whether it was replayed on stored items."""

    @property
    def short(self) -> str:
        """The beginning of the digest."""
        return self.digest.removeprefix("sha256:")[:SHORT]

    @property
    def state(self) -> str:
        """In a word."""
        if self.acts:
            return "acts"
        if self.in_shadow:
            return "in shadow"
        return "acted before" if self.acted else "draft"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a version: it began to act, or a shadow run began or ended."""

    row: ActivationRow
    version: Version


@dataclass(frozen=True, slots=True)
class PolicyList:
    """All versions."""

    active: Version
    since: ActivationRow | None
    versions: Sequence[Version]
    steps: Sequence[Step]
    goes_back_to: Version | None
    """What a rollback brings back."""
    names: Names


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One version beside the one that acts."""

    version: Version
    policy: Policy
    text: str
    active: Version
    changes: Sequence[Change]
    steps: Sequence[ActivationRow]
    backtest: BacktestRow | None
    names: Names


@dataclass(frozen=True, slots=True)
class Placed:
    """A fault of a document with the line that it is in."""

    problem: PolicyProblem
    line: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking a text."""

    policy: Policy | None = None
    problems: Sequence[Placed] = ()
    changes: Sequence[Change] = ()
    results: Sequence[ExampleResult] = ()
    failed: Sequence[ExampleResult] = field(default_factory=tuple)


def all_policies(room: Room, session: Session, viewer: Viewer) -> PolicyList:
    """Every version, the newest first."""
    rows = session.scalars(
        select(PolicyRow).order_by(PolicyRow.created_at.desc()).limit(MOST_VERSIONS)
    ).all()
    versions = _versions(room, session, rows)
    known = {each.digest: each for each in versions}
    active = room.policies.active(session).digest
    if active not in known:
        known[active] = _default_version(room, acts=True)
        versions = [*versions, known[active]]
    rows_of_steps = history(session, MOST_STEPS)
    back = before_present(session, room.policies.default().digest)
    default = room.policies.default().digest
    if back == default and default not in known:
        known[default] = _default_version(room, acts=False)
    actors = [each.author for each in versions] + [row.actor for row in rows_of_steps]
    return PolicyList(
        active=known[active],
        since=last_activation(session, ACTIVE),
        versions=versions,
        steps=[
            Step(row, known[row.policy_digest])
            for row in rows_of_steps
            if row.policy_digest in known
        ],
        goes_back_to=known.get(back) if back else None,
        names=names_of(session, actors, viewer.person),
    )


def policy_view(room: Room, session: Session, viewer: Viewer, digest: str) -> PolicyView:
    """One version by the beginning of its digest.

    Raises:
        NotFoundError: there is none.
    """
    row = _row(room, session, digest)
    active = room.policies.active(session)
    if row is None:
        version, text = (
            _default_version(room, acts=active.digest == room.policies.default().digest),
            default_text(),
        )
    else:
        version, text = _versions(room, session, [row])[0], row.document
    policy = room.policies.get(session, version.digest)
    steps = [each for each in history(session, MOST_STEPS) if each.policy_digest == version.digest]
    actors = [version.author, *(each.actor for each in steps)]
    return PolicyView(
        version=version,
        policy=policy,
        text=text,
        active=_active_version(room, session),
        changes=diff(active.document, policy.document),
        steps=steps,
        backtest=last_backtest(session, version.digest),
        names=names_of(session, actors, viewer.person),
    )


def check_text(text: str, active: Policy, score: Mapping[str, Scored] | None = None) -> Checked:
    """What is wrong with a text, or how it differs and what comes of its examples."""
    try:
        policy = Policy.parse(text)
    except PolicyError as error:
        lines = text.splitlines()
        return Checked(problems=[_placed(each, lines) for each in error.problems])
    results = run_examples(policy, scorer_of(score or {}))
    failed = [each for each in results if not each.passed and not each.skipped]
    return Checked(policy, (), diff(active.document, policy.document), results, failed)


def _placed(problem: PolicyProblem, lines: Sequence[str]) -> Placed:
    line = problem.line
    return Placed(problem, lines[line - 1].strip() if line and line <= len(lines) else "")


def _versions(room: Room, session: Session, rows: Sequence[PolicyRow]) -> list[Version]:
    active, running = room.policies.active(session).digest, shadows(session)
    acted = set(
        session.scalars(
            select(ActivationRow.policy_digest).where(ActivationRow.kind == ACTIVE).distinct()
        )
    )
    tested = set(session.scalars(select(BacktestRow.policy_digest).distinct()))
    acted.add(room.policies.default().digest)
    return [
        Version(
            digest=row.digest,
            name=row.name,
            author=row.author,
            note=row.note,
            created_at=row.created_at,
            acts=row.digest == active,
            in_shadow=row.digest in running,
            acted=row.digest in acted,
            tested=row.digest in tested,
        )
        for row in rows
    ]


def _active_version(room: Room, session: Session) -> Version:
    digest = room.policies.active(session).digest
    row = session.get(PolicyRow, digest)
    return _default_version(room, acts=True) if row is None else _versions(room, session, [row])[0]


def _row(room: Room, session: Session, digest: str) -> PolicyRow | None:
    """The row of a policy; None for the default where it was never kept."""
    try:
        return get_policy(session, digest)
    except NotFoundError:
        beginning = digest.removeprefix("sha256:")
        default = room.policies.default().digest.removeprefix("sha256:")
        if len(beginning) >= SHORT and default.startswith(beginning):
            return None
        raise


def _default_version(room: Room, *, acts: bool) -> Version:
    policy = room.policies.default()
    note = "Ships with Ostraka."
    return Version(policy.digest, policy.name, "system", note, None, acts, False, acted=True)
