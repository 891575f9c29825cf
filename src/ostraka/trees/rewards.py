"""Rewards of a judge beside the ranks that people gave.

`ostraka judge rewards` turns the exported trees into rewards, one for each answer with what its
reader said next. Here they come back to the replies that they are of, and are held against ranks.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from statistics import fmean
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import InvalidInputError
from ostraka.storage.ids import new_id
from ostraka.trees.agreement import Share
from ostraka.trees.background_tables import TreeRewardRow
from ostraka.trees.scoring import outcome
from ostraka.trees.tables import TreeMessageRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Role

_NO_OPINION = "the judge had no opinion"


class RewardLine(BaseModel):
    """What is needed of a line of `ostraka judge rewards`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1)]
    """`TREE:MESSAGE`, the message that followed."""
    label: str
    confidence: float
    reward: float
    should_update: bool
    outcome: str = "judged"
    model: str = ""
    document: str = ""


@dataclass(slots=True)
class Attached:
    """What came of a file of rewards."""

    attached: int = 0
    known: int = 0
    """They were there already."""
    skipped: Counter[str] = field(default_factory=Counter)


def read_rewards(lines: Iterable[str]) -> list[RewardLine]:
    """The rewards of a file.

    Raises:
        InvalidInputError: a line that is none, with its number.
    """
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(RewardLine.model_validate(json.loads(line)))
        except (ValueError, ValidationError) as error:
            why = error.errors()[0] if isinstance(error, ValidationError) else None
            what = f"{why['loc'][0]}: {why['msg']}" if why and why["loc"] else "it is no object"
            raise InvalidInputError(f"line {number}: {what}", code="invalid_line") from error
    return found


def attach(session: Session, rewards: Iterable[RewardLine], now: datetime) -> Attached:
    """Keep rewards with the replies that they are of; the same one is kept once."""
    done = Attached()
    for each in rewards:
        if each.outcome != "judged":
            done.skipped[_NO_OPINION] += 1
            continue
        follow_up = session.get(TreeMessageRow, each.id.rpartition(":")[2])
        if follow_up is None or follow_up.parent_id is None:
            done.skipped["there is no such message"] += 1
            continue
        if _is_known(session, follow_up.id, each):
            done.known += 1
            continue
        done.attached += 1
        session.add(
            TreeRewardRow(
                id=new_id("reward"),
                created_at=now,
                message_id=follow_up.parent_id,
                follow_up_id=follow_up.id,
                label=each.label,
                confidence=each.confidence,
                reward=each.reward,
                counts=each.should_update,
                model=each.model,
                document=each.document,
            )
        )
        session.flush()
    return done


def _is_known(session: Session, follow_up_id: str, given: RewardLine) -> bool:
    same = select(TreeRewardRow.id).where(
        TreeRewardRow.follow_up_id == follow_up_id,
        TreeRewardRow.model == given.model,
        TreeRewardRow.document == given.document,
    )
    return session.scalar(same) is not None


def rewards_of(
    session: Session, message_ids: Iterable[str], model: str | None = None
) -> dict[str, float]:
    """The mean reward of each reply, of those in which the judge was sure enough."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    ids = list(message_ids)
    for start in range(0, len(ids), 1000):
        wanted = select(TreeRewardRow.message_id, TreeRewardRow.reward).where(
            TreeRewardRow.message_id.in_(ids[start : start + 1000]), TreeRewardRow.counts
        )
        if model is not None:
            wanted = wanted.where(TreeRewardRow.model == model)
        for message_id, reward in session.execute(wanted.order_by(TreeRewardRow.id)):
            found[message_id].append(reward)
    return {message_id: fmean(given) for message_id, given in found.items()}


@dataclass(frozen=True, slots=True)
class RewardComparison:
    """How far rewards and people's ranks say the same."""

    replies: int
    """Those with a reward."""
    pairs: Share
    """Ranked pairs of siblings that both have a reward, and how often the better one has more."""
    equal: int
    """Pairs of which rewards say nothing."""
    by_rank: Mapping[int, float] = field(hash=False)
    """The mean reward at each rank, 0 the best."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "replies": self.replies,
            "pairs": self.pairs.of,
            "agreed": self.pairs.agreed,
            "agreement": self.pairs.value,
            "equal_rewards": self.equal,
            "mean_reward_by_rank": {str(rank): mean for rank, mean in self.by_rank.items()},
        }


def compare(trees: Iterable[Tree], rewards: Mapping[str, float]) -> RewardComparison:
    """Hold rewards against ranks, over pairs that the rankings do not leave open."""
    pairs, equal = Share(), 0
    by_rank: defaultdict[int, list[float]] = defaultdict(list)
    seen = 0
    for tree in trees:
        seen += sum(each in rewards for each in tree.messages)
        for parent_id, replies in tree.children.items():
            ranked = [each for each in replies if each.rank is not None and each.id in rewards]
            ranked = [each for each in ranked if each.role is Role.ASSISTANT]
            ranked.sort(key=lambda each: each.rank or 0)
            for each in ranked:
                by_rank[each.rank or 0].append(rewards[each.id])
            said = outcome(tree, parent_id) if tree.votes else None
            for better, worse in combinations(ranked, 2):
                if said is not None and said.are_tied(better.id, worse.id):
                    continue
                if rewards[better.id] == rewards[worse.id]:
                    equal += 1
                    continue
                pairs += Share(int(rewards[better.id] > rewards[worse.id]), 1)
    means = {rank: fmean(by_rank[rank]) for rank in sorted(by_rank)}
    return RewardComparison(seen, pairs, equal, means)
