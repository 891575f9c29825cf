"""The policies that were ever added, and which one acts; nothing of it is changed afterwards.

Until one is activated, the policy that ships with the package acts.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, DataError, NotFoundError, PolicyError
from ostraka.policy.document import parse_policy
from ostraka.policy.evaluation import Policy
from ostraka.policy.presets import default_policy, default_text
from ostraka.review.tables import ActivationRow, PolicyRow
from ostraka.storage import audit
from ostraka.storage.ids import new_id

ACTIVE: Final = "active"
SHADOW: Final = "shadow"
SHADOW_ENDED: Final = "shadow_ended"
MOST_COMPILED: Final = 32
MOST_SHADOWS: Final = 5
SYSTEM: Final = "system"
SHORTEST: Final = len("sha256:") + 8
"""Characters of a digest's beginning that name a policy."""


class PolicyStore:
    """Policies with their compiled rules at hand. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, Policy] = OrderedDict()
        self._default: Policy | None = None

    def default(self) -> Policy:
        """The policy that ships with the package."""
        with self._lock:
            if self._default is None:
                self._default = default_policy()
            return self._default

    def active(self, session: Session) -> Policy:
        """The policy that acts."""
        newest = last_activation(session, ACTIVE)
        return self.default() if newest is None else self.get(session, newest.policy_digest)

    def shadowing(self, session: Session) -> list[Policy]:
        """The drafts that see what the active policy sees, and do nothing."""
        return [self.get(session, digest) for digest in shadows(session)]

    def get(self, session: Session, digest: str) -> Policy:
        """A policy by its digest.

        Raises:
            NotFoundError: none of this digest was ever added.
            DataError: this version of Ostraka cannot read what an older one took.
        """
        if digest == self.default().digest:
            return self.default()
        with self._lock:
            known = self._compiled.get(digest)
            if known is not None:
                self._compiled.move_to_end(digest)
                return known
        try:
            policy = Policy.parse(get_policy(session, digest).document)
        except PolicyError as error:
            raise DataError(f"The policy {digest} cannot be read: {error.message}") from error
        with self._lock:
            self._compiled[digest] = policy
            while len(self._compiled) > MOST_COMPILED:
                self._compiled.popitem(last=False)
        return policy

    def digest(self, session: Session, name: str) -> str:
        """The whole digest of a policy that is named by it or by its beginning.

        Raises:
            NotFoundError: there is none, or there are several.
        """
        try:
            return get_policy(session, name).digest
        except NotFoundError:  # the default is known although it was never kept
            known, beginning = self.default().digest, f"sha256:{name.removeprefix('sha256:')}"
            if len(beginning) >= SHORTEST and known.startswith(beginning):
                return known
            raise

    def keep_default(self, session: Session, now: datetime) -> PolicyRow:
        """Keep the default's document, so that it can be looked at when a later version differs."""
        return self.add(session, default_text(), SYSTEM, "Ships with Ostraka.", now)

    def add(self, session: Session, text: str, author: str, note: str, now: datetime) -> PolicyRow:
        """Add a policy; one that says the same is there already and stays as it is.

        Raises:
            PolicyError: the document cannot be used; names every fault with its place.
        """
        document = parse_policy(text)
        known = session.get(PolicyRow, document.digest)
        if known is not None:
            return known
        row = PolicyRow(
            digest=document.digest,
            created_at=now,
            name=document.name,
            document=text,
            author=author,
            note=note,
        )
        session.add(row)
        session.flush()
        audit.append(session, author, "policy.added", row.digest, {"name": row.name}, now)
        return row

    def activate(
        self,
        session: Session,
        digest: str,
        actor: str,
        note: str,
        now: datetime,
        checked: Mapping[str, Any] = MappingProxyType({}),
    ) -> ActivationRow:
        """Let a policy act from now on; the audit log keeps how it was `checked`.

        Raises:
            NotFoundError: none of this digest was ever added.
            ConflictError: it acts already.
        """
        row = self.kept(session, digest, now)
        self.refuse_acting(session, row.digest)
        if row.digest in shadows(session):
            self._note(session, SHADOW_ENDED, row.digest, actor, "It acts now.", now)
        return self._note(session, ACTIVE, row.digest, actor, note, now, checked)

    def refuse_acting(self, session: Session, digest: str) -> None:
        """Refuse what acts already.

        Raises:
            ConflictError: this policy does.
        """
        if self.active(session).digest == digest:
            raise ConflictError(f"The policy {digest} acts already.", code="already_active")

    def rollback(self, session: Session, actor: str, note: str, now: datetime) -> ActivationRow:
        """Let the policy act that acted before the present one.

        Raises:
            ConflictError: none acted before.
        """
        digest = before_present(session, self.default().digest)
        if digest is None:
            raise ConflictError("No policy acted before this one.", code="nothing_before")
        return self.activate(session, digest, actor, note, now)

    def start_shadow(
        self, session: Session, digest: str, actor: str, note: str, now: datetime
    ) -> ActivationRow:
        """Let a draft see live traffic without acting.

        Raises:
            NotFoundError: none of this digest was ever added.
            ConflictError: it acts, is in shadow already, or too many are.
        """
        row = self.kept(session, digest, now)
        running = shadows(session)
        if row.digest in running:
            raise ConflictError(f"The policy {row.digest} is in shadow already.", code="in_shadow")
        self.refuse_acting(session, row.digest)
        if len(running) >= MOST_SHADOWS:
            raise ConflictError(
                f"{MOST_SHADOWS} policies are in shadow; end one first.", code="too_many_shadows"
            )
        return self._note(session, SHADOW, row.digest, actor, note, now)

    def stop_shadow(
        self, session: Session, digest: str, actor: str, note: str, now: datetime
    ) -> ActivationRow:
        """End a draft's shadow run; its verdicts stay.

        Raises:
            NotFoundError: none of this digest was ever added.
            ConflictError: it is not in shadow.
        """
        row = self.kept(session, digest, now)
        if row.digest not in shadows(session):
            raise ConflictError(f"The policy {row.digest} is not in shadow.", code="not_in_shadow")
        return self._note(session, SHADOW_ENDED, row.digest, actor, note, now)

    def kept(self, session: Session, digest: str, now: datetime) -> PolicyRow:
        """The row of a policy; that of the default one is made here.

        Raises:
            NotFoundError: none of this digest was ever added.
        """
        row = session.get(PolicyRow, digest)
        if row is None and digest == self.default().digest:
            return self.keep_default(session, now)
        return row or get_policy(session, digest)

    def _note(
        self,
        session: Session,
        kind: str,
        digest: str,
        actor: str,
        note: str,
        now: datetime,
        checked: Mapping[str, Any] = MappingProxyType({}),
    ) -> ActivationRow:
        row = ActivationRow(
            id=new_id("activation"),
            created_at=now,
            kind=kind,
            policy_digest=digest,
            actor=actor,
            note=note,
        )
        session.add(row)
        session.flush()
        acts = {ACTIVE: "policy.activated", SHADOW: "policy.shadowed"}
        act = acts.get(kind, "policy.shadow_ended")
        audit.append(session, actor, act, digest, {"note": note, **checked}, now)
        return row


def get_policy(session: Session, digest: str) -> PolicyRow:
    """A policy by its digest, or by enough of it to be the only one.

    Raises:
        NotFoundError: none of this digest was ever added, or several begin with it.
    """
    row = session.get(PolicyRow, digest)
    if row is not None:
        return row
    beginning = f"sha256:{digest.removeprefix('sha256:')}"
    if len(beginning) >= SHORTEST and beginning.removeprefix("sha256:").isalnum():
        wanted = select(PolicyRow).where(PolicyRow.digest.startswith(beginning))
        found = session.scalars(wanted.limit(2)).all()
        if len(found) == 1:
            return found[0]
    raise NotFoundError(f"There is no policy '{digest}'.", field="digest")


def last_activation(session: Session, kind: str) -> ActivationRow | None:
    """The newest row of a kind."""
    wanted = select(ActivationRow).where(ActivationRow.kind == kind)
    return session.scalars(wanted.order_by(ActivationRow.id.desc()).limit(1)).first()


def shadows(session: Session) -> list[str]:
    """Digests of the policies in shadow, in the order in which they came."""
    wanted = select(ActivationRow.kind, ActivationRow.policy_digest)
    wanted = wanted.where(ActivationRow.kind.in_((SHADOW, SHADOW_ENDED))).order_by(ActivationRow.id)
    running: dict[str, None] = {}
    for kind, digest in session.execute(wanted):
        if kind == SHADOW:
            running[digest] = None
        else:
            running.pop(digest, None)
    return list(running)


def before_present(session: Session, first: str) -> str | None:
    """The policy that a rollback brings back; None where the `first` one acts.

    Rolling back twice goes two steps back: what was rolled back does not count as having acted.
    """
    wanted = select(ActivationRow.policy_digest).where(ActivationRow.kind == ACTIVE)
    acted = [first]
    for digest in session.scalars(wanted.order_by(ActivationRow.id)):
        if digest in acted:
            del acted[acted.index(digest) + 1 :]
        else:
            acted.append(digest)
    return acted[-2] if len(acted) > 1 else None


def history(session: Session, limit: int, before: str | None = None) -> Sequence[ActivationRow]:
    """Activations and shadow runs, the newest first."""
    wanted = select(ActivationRow).order_by(ActivationRow.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(ActivationRow.id < before)
    return session.scalars(wanted).all()
