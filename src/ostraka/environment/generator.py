"""Episodes from seeds: recipes, a community's policy, and what the policy engine says of each item.

Seeds 2n and 2n + 1 are partners: they hold the two sides of the same contrast pairs, under two
policies. Everything else of them differs.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from ostraka.environment.items import Draft, Item, Stance, encoded_up_to_reward, end_of, facts_of
from ostraka.environment.library import Library, Split, library
from ostraka.environment.policies import (
    STRIKES,
    CommunityPolicy,
    communities,
    policy_of,
)
from ostraka.environment.randomness import Draw, digest
from ostraka.environment.real import RealItems
from ostraka.environment.recipes import PAIRED, RECIPES, Bench
from ostraka.environment.reward import utilities_under
from ostraka.environment.tasks import LADDER, Task, task_of
from ostraka.environment.writing import filled
from ostraka.errors import InvalidInputError
from ostraka.policy.outcome import Outcome
from ostraka.taxonomy import Action

VERSION: Final = "1"
"""Of the generator. Another version deals other episodes for the same seeds."""

LARGEST_SEED: Final = 2**53
_REVIEWERS: Final = 7
_PREVIEW: Final = 60
_ATTEMPTS: Final = 8
"""How often another text is drawn where one stands in the episode already."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A dealt queue. Immutable: any number of plays can share it.

    `encoded_end` is what is observed when nothing is left, as JSON up to the reward so far.
    """

    task: Task
    split: Split
    seed: int
    key: str
    policy: CommunityPolicy
    later_policy: CommunityPolicy
    items: tuple[Item, ...]
    encoded_end: bytes

    @property
    def digest(self) -> str:
        """Of everything that is in it, hidden or not."""
        content = [
            (item.observation, item.action, item.violation, item.utilities, item.votes)
            for item in self.items
        ]
        return digest(msgspec.json.encode(content, order="sorted").decode())


def generate(
    task_id: str,
    split: str = "train",
    seed: int = 0,
    secret: str = "",
    real: RealItems | None = None,
) -> Episode:
    """The episode of these arguments: the same in every process. `real` items are mixed in.

    Raises:
        InvalidInputError: no such task or split, or a seed that is none.
    """
    return _generate(*_checked(task_id, split, seed), secret, real)


def generate_anew(task_id: str, split: str = "train", seed: int = 0, secret: str = "") -> Episode:
    """`generate` without a look at what was generated before."""
    task_id, which, seed = _checked(task_id, split, seed)
    return _Dealer(task_of(task_id), which, seed, secret).episode()


def _checked(task_id: str, split: str, seed: int) -> tuple[str, Split, int]:
    task = task_of(task_id)
    try:
        which = Split(split)
    except ValueError as error:
        raise InvalidInputError(
            f"'{split}' is no split; there are {', '.join(Split)}", field="split"
        ) from error
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise InvalidInputError(f"a seed is a whole number from 0 to {LARGEST_SEED}", field="seed")
    return task.id, which, seed


@lru_cache(maxsize=512)
def _generate(
    task_id: str, split: Split, seed: int, secret: str, real: RealItems | None
) -> Episode:
    return _Dealer(task_of(task_id), split, seed, secret, real).episode()


class _Dealer:
    def __init__(
        self, task: Task, split: Split, seed: int, secret: str, real: RealItems | None = None
    ) -> None:
        self.task, self.split, self.seed, self.real = task, split, seed, real
        self.key = digest(VERSION, task.id, split, seed, secret)
        self.pair_key = digest(VERSION, task.id, split, "pair", seed // 2, secret)
        self.draw = Draw(self.key, "queue")
        self.library: Library = library(split)
        self.policy, self.later_policy = self._policies()
        self.today = date(2026, 1, 1) + timedelta(days=self.draw.below(300))

    def _policies(self) -> tuple[CommunityPolicy, CommunityPolicy]:
        """One community that allows small offers and one that does not; partners swap them."""
        draw = Draw(self.pair_key, "policies")
        two = [
            draw.one([each for each in communities(self.split) if each.promotion == promotion])
            for promotion in ("allowed", "minor")
        ]
        if draw.coin() ^ bool(self.seed % 2):
            two.reverse()
        first, second = (policy_of(each, self.task.level) for each in two)
        return first, second

    def episode(self) -> Episode:
        turn = self.draw.below(7)
        drafts = self._with_real(self.draw.shuffled(self._drafts(turn)))
        change = len(drafts) // 2 if self.task.shift else len(drafts)
        items = tuple(
            self._item(draft, place, self.policy if place < change else self.later_policy)
            for place, draft in enumerate(drafts)
        )
        if not self.task.shift:
            items = tuple(_with_preview(items, place) for place in range(len(items)))
        return Episode(
            task=self.task,
            split=self.split,
            seed=self.seed,
            key=self.key,
            policy=self.policy,
            later_policy=self.later_policy,
            items=items,
            encoded_end=encoded_up_to_reward(end_of(items)),
        )

    def _with_real(self, drafts: list[Draft]) -> list[Draft]:
        """The drafts with real items among them, none of these twice."""
        if self.real is None:
            return drafts
        mixed: list[Draft] = []
        for place, draft in enumerate(drafts):
            draw = Draw(self.key, "real", place, self.real.digest)
            found = self.real.replacement(draft, self.split, self.task.level, draw)
            taken = any(found.family == each.family for each in mixed)
            mixed.append(draft if taken else found)
        return mixed

    def _drafts(self, turn: int) -> list[Draft]:
        """What the recipes make. Pairs come first, so that partners avoid the same repetitions."""
        numbered = sorted(enumerate(self.task.recipes), key=lambda each: each[1] not in PAIRED)
        drafts: list[Draft] = []
        taken: set[str] = set()
        for number, name in numbered:
            for attempt in range(_ATTEMPTS):
                draft = self._draft(name, number, turn + number, attempt)
                if draft.family not in taken:
                    break
            taken.add(draft.family)
            drafts.append(draft)
        return drafts

    def _draft(self, name: str, number: int, turn: int, attempt: int) -> Draft:
        paired = name in PAIRED
        key = self.pair_key if paired else self.key
        # Which side comes first is drawn for each pair, so that no seed is the mild one throughout.
        side = Draw(key, number, "side").coin() ^ bool(self.seed % 2)
        pair = f"{self.pair_key[:12]}-{number}" if paired else ""
        draw = Draw(key, number, attempt)
        return RECIPES[name](Bench(self.split, self.library, self.policy, draw, side, pair, turn))

    def _item(self, draft: Draft, place: int, policy: CommunityPolicy) -> Item:
        """The item with the decision that the policy engine computes for it."""
        facts = facts_of(draft, policy.community.expire_days, STRIKES)
        outcome = policy.decide(facts)
        votes = self._votes(draft, outcome, Draw(self.key, "votes", place))
        observation = self._observation(draft, place, policy)
        return Item(
            observation=observation,
            encoded=encoded_up_to_reward(observation),
            action=outcome.action,
            violation=outcome.violation,
            severity=outcome.severity.value,
            rule=outcome.rule,
            utilities=utilities_under(votes),
            votes={action.value: count for action, count in votes.items()},
            facts=facts,
            draft=draft,
        )

    @staticmethod
    def _votes(draft: Draft, outcome: Outcome, draw: Draw) -> dict[Action, int]:
        """How people voted: a real item's did, and seven reviewers of others, who split where it
        is unclear and agree elsewhere.
        """
        if draft.people:
            return _real_votes(draft, outcome)
        if draft.stance is Stance.UNCLEAR and outcome.action is Action.ESCALATE:
            approving = draw.between(1, 2)
            return {Action.ESCALATE: 4, Action.APPROVE: approving, Action.REMOVE: 3 - approving}
        if outcome.action in LADDER and draw.share() < 0.25:
            near = LADDER[max(0, LADDER.index(outcome.action) - 1)]
            if near is not outcome.action:
                return {outcome.action: _REVIEWERS - 1, near: 1}
        return {outcome.action: _REVIEWERS}

    def _observation(self, draft: Draft, place: int, policy: CommunityPolicy) -> dict[str, Any]:
        salted = digest(self.key, "item", place)
        author = f"{Draw(salted).one(self.library.authors)}_{salted[10:16]}"
        return {
            "post_id": f"post_{salted[:10]}",
            "content": draft.text,
            "author_id": author,
            "author_history": {
                "total_violations": len(draft.record),
                "prior_actions": [
                    {
                        "date": (self.today - timedelta(days=each.days_ago)).isoformat(),
                        "action": each.action,
                        "violation_type": each.violation,
                    }
                    for each in draft.record
                ],
            },
            "is_appeal": draft.appeal is not None,
            "appeal_reason": draft.appeal,
            "context_thread": [
                {"action_taken": "approve", "content": each}
                for each in draft.thread or self._idle_thread(salted)
            ],
            "today": self.today.isoformat(),
            "policy_name": policy.policy.name,
            "policy": policy.text,
            "task_id": self.task.id,
            "task_description": self.task.description,
            "available_actions": [action.value for action in self.task.actions],
            "queue_remaining": [],
            "queue_position": place + 1,
            "queue_total": self.task.size,
            "current_step": place,
            "max_steps": self.task.size,
            "cumulative_reward": 0.0,
        }

    def _idle_thread(self, salted: str) -> list[str]:
        """A thread that changes nothing, for some of the items that do not hang on theirs."""
        draw = Draw(salted, "thread")
        if draw.share() < 0.7:
            return []
        return [filled(draw.one(self.library.chatter), self.library.slots, draw)]


def _real_votes(draft: Draft, outcome: Outcome) -> dict[Action, int]:
    """What those who judged a real item would have had done.

    Who saw a violation is for what the policy says of it, the others for approval; where the
    policy hands it to people, half of them speak for that.
    """
    saw = round(draft.share * draft.people)
    others = draft.people - saw
    if outcome.action is Action.ESCALATE:
        asking = {Action.ESCALATE: draft.people}
        return asking | {a: n for a, n in ((Action.REMOVE, saw), (Action.APPROVE, others)) if n}
    against = Action.REMOVE if outcome.action is Action.APPROVE else outcome.action
    counts = {against: saw, Action.APPROVE: others}
    if counts[outcome.action] <= draft.people / 2:  # the policy decides where people are split
        counts[outcome.action] = draft.people
    return {action: count for action, count in counts.items() if count}


def _with_preview(items: tuple[Item, ...], place: int) -> Item:
    """An item that says which ones come next."""
    coming = [
        {"post_id": item.post_id, "preview": item.observation["content"][:_PREVIEW]}
        for item in items[place + 1 : place + 4]
    ]
    observation = {**items[place].observation, "queue_remaining": coming}
    encoded = encoded_up_to_reward(observation)
    return replace(items[place], observation=observation, encoded=encoded)
