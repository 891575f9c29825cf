"""Items of an episode: what the agent sees, and what was computed of it and stays hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from ostraka.policy.facts import AppealFacts, AuthorFacts, Facts, ItemFacts, PriorAction
from ostraka.taxonomy import Action, ViolationType

CATEGORY_OF: Final = {
    "spam": "spam",
    "hate_speech": "hate",
    "harassment": "harassment",
    "misinformation": "misinformation",
    "csam": "sexual/minors",
    "illegal_services": "illicit",
    "doxxing": "doxxing",
    "self_harm_risk": "self-harm/intent",
}
"""The category of the communities' policies that stands for a violation type."""


class Stance(StrEnum):
    """How a text stands to the clause that it is about."""

    VIOLATING = "violating"
    LOOKALIKE = "lookalike"
    FRAMED = "framed"
    UNCLEAR = "unclear"
    CHATTER = "chatter"


class Prior(msgspec.Struct, frozen=True):
    """What was done to an author before."""

    action: str
    violation: str
    days_ago: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An item before the policy was asked: its text and the causes that decide about it.

    `pair` names the contrast pair that it belongs to, and `family` the template of its text. Of a
    real item `scores` are what people said, `share` how many of them saw a violation, and `people`
    how many they were.
    """

    text: str
    clause: str
    stance: Stance
    family: str
    record: tuple[Prior, ...] = ()
    thread: tuple[str, ...] = ()
    appeal: str | None = None
    plausible: bool | None = None
    pair: str = ""
    scores: dict[str, float] | None = None
    share: float = 0.0
    people: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """An item with the decision that is right. Only `observation` may leave the environment.

    `encoded` is the observation as JSON, up to its last value, the reward so far: whoever gets it
    decodes it anew, so that no client's changes reach another one's episode.
    """

    observation: dict[str, Any]
    encoded: bytes
    action: Action
    violation: ViolationType
    severity: str
    rule: str
    utilities: dict[str, float]
    votes: dict[str, int]
    facts: Facts
    draft: Draft

    @property
    def post_id(self) -> str:
        """Its id in this episode."""
        return str(self.observation["post_id"])


_NOTHING: Final[dict[str, Any]] = {
    "post_id": "",
    "content": "",
    "author_id": "",
    "author_history": {"total_violations": 0, "prior_actions": []},
    "is_appeal": False,
    "appeal_reason": None,
    "context_thread": [],
    "available_actions": [],
    "queue_remaining": [],
}


_NO_REWARD: Final = b"0.0}"


def encoded_up_to_reward(observation: Mapping[str, Any]) -> bytes:
    """An observation as JSON, up to its last value: only the reward so far differs by the play."""
    return msgspec.json.encode(observation).removesuffix(_NO_REWARD)


def end_of(items: Sequence[Item]) -> dict[str, Any]:
    """What is observed when nothing of `items` is left."""
    size = len(items)
    return {**items[-1].observation, **_NOTHING, "queue_position": size, "current_step": size}


_CERTAIN: Final[dict[str, dict[str, float]]] = {
    "spam": {"spam": 0.97},
    "promotion": {"promotion": 0.95},
    "insult": {"insult": 0.95, "harassment": 0.6},
    "harassment": {"harassment": 0.97, "insult": 0.97},
    "threat": {"harassment/threatening": 0.96},
    "hate": {"hate": 0.95},
    "illicit": {"illicit": 0.96},
    "doxxing": {"doxxing": 0.96},
    "data-sale": {"personal-data-sale": 0.95},
    "csam": {"sexual/minors": 0.97},
    "misinformation": {"misinformation": 0.95},
    "self_harm": {"self-harm/intent": 0.9},
}
_UNCLEAR: Final[dict[str, dict[str, float]]] = {
    "spam": {"spam": 0.7},
    "promotion": {"promotion": 0.7},
    "insult": {"insult": 0.82},
    "harassment": {"harassment": 0.83},
    "threat": {"harassment/threatening": 0.7},
    "hate": {"hate": 0.74},
    "illicit": {"illicit": 0.7},
    "doxxing": {"doxxing": 0.6},
    "data-sale": {"personal-data-sale": 0.6},
    "misinformation": {"misinformation": 0.65},
}
_HARMLESS: Final = {"insult": 0.02, "spam": 0.02, "harassment": 0.02}


def facts_of(draft: Draft, strikes_expire_days: int, weights: dict[str, float]) -> Facts:
    """What the policy engine may know of `draft`."""
    scores = dict(_HARMLESS)
    if draft.scores is not None:
        scores |= draft.scores
    elif draft.stance is Stance.VIOLATING:
        scores |= _CERTAIN[draft.clause]
    elif draft.stance is Stance.UNCLEAR:
        scores |= _UNCLEAR[draft.clause]
    counted = [each for each in draft.record if each.days_ago < strikes_expire_days]
    return Facts(
        scores=scores,
        text_length=len(draft.text),
        stage="generator",
        author=AuthorFacts(
            known=True,
            violations=len(draft.record),
            strikes=sum(weights[each.action] for each in counted),
            prior_actions=tuple(
                PriorAction(each.action, each.violation, each.days_ago) for each in draft.record
            ),
        ),
        item=ItemFacts(language="en", has_parent=bool(draft.thread)),
        appeal=None if draft.appeal is None else AppealFacts(draft.appeal, draft.plausible),
    )
