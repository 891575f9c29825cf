"""A turn with its reward as a row: what files hold and what the server answers."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ostraka.judge.rewards import Outcome, RewardResult, RewardSummary
from ostraka.judge.turns import Turn


def row_of(number: int, turn: Turn, result: RewardResult, with_history: bool) -> dict[str, Any]:
    """A turn and its reward; `number` counts from 1 in the input's order."""
    history = [{"role": str(said.role), "content": said.text} for said in turn.history]
    return {
        "turn": number,
        "id": turn.id,
        "question": turn.question,
        "answer": turn.answer,
        "follow_up": turn.follow_up,
        **({"history": history} if with_history else {}),
        **asdict(result),
    }


def totals_of(summary: RewardSummary) -> Mapping[str, Any]:
    """What many turns came to."""
    return {
        "turns": summary.turns,
        "outcomes": {str(outcome): summary.outcomes[outcome] for outcome in Outcome},
        "labels": dict(summary.labels),
        "updates": summary.updates,
        "total_reward": round(summary.total_reward, 6),
    }
