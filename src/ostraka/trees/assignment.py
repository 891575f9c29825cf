"""Give out tasks and take their results: what a contributor's client or page talks to.

Whatever is offered is held for the contributor until it expires, and is accepted when it comes in
time. A refusal says why in sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final, Literal

from sqlalchemy.orm import Session

from ostraka.review.idempotency import recall, remember
from ostraka.trees.drawing import counts_of, draw_prompts
from ostraka.trees.finding import work_in_language
from ostraka.trees.held_tasks import HeldTasks
from ostraka.trees.loading import due_trees, outdated_trees
from ostraka.trees.lottery import missing_prompts, room_to_grow
from ostraka.trees.offers import Offer, offer_of
from ostraka.trees.reasons import counts_for_contributor, why_no_prompts, why_none
from ostraka.trees.selection import NoTaskError, TaskType
from ostraka.trees.store import TreeStore
from ostraka.trees.taking import Wish, take_task
from ostraka.trees.tasks import (
    due_prompt_tasks,
    task_of,
)

RANDOM: Final = "random"
"""Any kind of task, drawn by the weights."""

TIDY_EVERY: Final = timedelta(seconds=5)
"""How often a request looks for leases that have run out and prompts that may begin to grow."""
MOST_LANGUAGES: Final = 1_000
"""So many are remembered before all are forgotten: clients may name any."""


@dataclass(frozen=True, slots=True)
class Availability:
    """How much of each kind somebody could begin now; for kinds without any, why."""

    language: str
    counts: Mapping[TaskType, int]
    reasons: Mapping[TaskType, tuple[str, ...]]

    @property
    def total(self) -> int:
        """How much there is in all."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Resend:
    """What makes a request known when it is sent again: who sent it, their key, what was asked."""

    actor: str
    key: str
    fingerprint: str


class Assignment(HeldTasks):
    """Tasks of the trees of one store. Threads may share it."""

    def __init__(self, store: TreeStore) -> None:
        super().__init__(store)
        self._tidied: dict[str, datetime] = {}

    def availability(self, contributor: str, language: str, now: datetime) -> Availability:
        """What somebody could do in a language; reading it changes nothing."""
        with self.store.database.reading() as session:
            work = work_in_language(session, language, contributor)
            counts = counts_of(session, language)
        prompts = missing_prompts(counts, language, self._configuration)
        found = counts_for_contributor(work, prompts)
        reasons: dict[TaskType, tuple[str, ...]] = {}
        for kind in TaskType:
            if found[kind]:
                continue
            if kind is TaskType.INITIAL_PROMPT:
                reasons[kind] = why_no_prompts(counts, language, self._configuration)
            elif kind is TaskType.RANK_PROMPTER_REPLIES and not self._ranks_prompter_replies:
                reasons[kind] = ("Prompters' replies are not ranked here.",)
            else:
                reasons[kind] = why_none(kind, work)
        return Availability(language, found, reasons)

    def request(
        self,
        contributor: str,
        kind: TaskType | Literal["random"],
        language: str,
        now: datetime,
        random: Random,
        resend: Resend | None = None,
    ) -> Offer:
        """The next task, held for the contributor from now on.

        Raises:
            NoTaskError: there is none for them; `reasons` are sentences that say why.
            ConflictError: they have too many open.
            MissingScopeError: they were banned.
            KeyReusedError: the key of `resend` came with another request.
        """
        wish = Wish(contributor, None if kind == RANDOM else TaskType(kind), language, now)
        if now - self._tidied.get(language, now - TIDY_EVERY) >= TIDY_EVERY:
            self._tidy(language, now)
        offer = self._request_once(wish, random, resend)
        if offer is None and self._tidy(language, now):
            offer = self._request_once(wish, random, resend)
        if offer is None:
            raise NoTaskError(self._why_nothing(wish))
        return offer

    @property
    def _ranks_prompter_replies(self) -> bool:
        return self._configuration.rank_prompter_replies

    def _request_once(self, wish: Wish, random: Random, resend: Resend | None) -> Offer | None:
        def unit(session: Session) -> Offer:
            if resend is not None:
                known = recall(session, resend.actor, resend.key, resend.fingerprint, wish.now)
                if known is not None:
                    row = task_of(session, known["task"], wish.contributor)
                    return offer_of(session, row, self._configuration)
            offer = take_task(session, wish, self._configuration, random)
            if offer is None:
                raise NoTaskError([])
            if resend is not None:
                remember(session, resend.actor, resend.key, {"task": offer.id})
            return offer

        try:
            return self.store.write(unit)
        except NoTaskError:
            return None

    def _why_nothing(self, wish: Wish) -> list[str]:
        found = self.availability(wish.contributor, wish.language, wish.now)
        if wish.kind is not None:
            return list(found.reasons.get(wish.kind, ())) or ["It was taken this very moment."]
        others = [kind for kind in TaskType if kind is not TaskType.RANK_PROMPTER_REPLIES]
        said = [sentence for kind in others for sentence in found.reasons.get(kind, ())]
        telling = [each for each in said if not each.startswith("No ")]
        return telling or ["Nothing waits in your language now."]

    def _tidy(self, language: str, now: datetime) -> bool:
        """Do what is due before work is looked for; True if anything was."""
        if len(self._tidied) > MOST_LANGUAGES:
            self._tidied.clear()
        self._tidied[language] = now
        with self.store.database.reading() as session:
            due = bool(due_trees(session, now, 1)) or due_prompt_tasks(session, now)
            outdated = bool(outdated_trees(session, self._configuration.digest, 1))
        while outdated and self.store.reconfigure(now):
            pass
        if due:
            self.store.expire(now)
        with self.store.database.reading() as session:
            counts = counts_of(session, language)
        drawn = False
        if counts.waiting and room_to_grow(counts, self._configuration):
            drawn = bool(draw_prompts(self.store, language, now))
        return due or outdated or drawn
