"""The reward: expected utility under people's votes, and credit for violation type and context.

What the agent writes as its reasoning never counts. For a decision whose action has the utility
`u`, a task's weights make

    reward = u * (action + violation * [type right]) + context * [action exactly right]

so that naming the type earns nothing where the action is wrong, and an action that only comes near
earns nothing for context: it was not what record, thread, appeal and policy together call for.
"""

from collections.abc import Mapping
from typing import Final

from ostraka.environment.tasks import Weights
from ostraka.taxonomy import Action

_COLUMNS: Final = tuple(Action)
UTILITIES: Final[Mapping[Action, Mapping[Action, float]]] = {
    right: dict(zip(_COLUMNS, row, strict=True))
    for right, row in {
        # What is right:      approve warn  remove ban_t ban_p escalate
        Action.APPROVE:       (1.00, 0.25, 0.10, 0.00, 0.00, 0.20),
        Action.WARN:          (0.15, 1.00, 0.50, 0.15, 0.00, 0.20),
        Action.REMOVE:        (0.00, 0.35, 1.00, 0.50, 0.20, 0.20),
        Action.BAN_TEMPORARY: (0.00, 0.10, 0.40, 1.00, 0.50, 0.20),
        Action.BAN_PERMANENT: (0.00, 0.00, 0.30, 0.60, 1.00, 0.20),
        Action.ESCALATE:      (0.00, 0.00, 0.00, 0.00, 0.00, 1.00),
    }.items()
}  # fmt: skip
"""The published matrix: what each action (column) is worth where another one (row) is right. To
miss what is severe is worth nothing, to remove what is harmless next to nothing, to come one step
too near or too far something. To escalate what people need not decide costs their time.
"""


def utilities_under(votes: Mapping[Action, int]) -> dict[str, float]:
    """What each action is worth where people voted so, as a share of the best."""
    total = sum(votes.values())
    expected = {
        action: sum(count * UTILITIES[right][action] for right, count in votes.items()) / total
        for action in Action
    }
    best = max(expected.values())
    return {action.value: value / best for action, value in expected.items()}


def reward_of(weights: Weights, utility: float, type_is_right: bool) -> float:
    """The reward of a decision, from 0 to 1."""
    gained = utility * (weights.action + (weights.violation if type_is_right else 0.0))
    return gained + (weights.context if utility == 1.0 else 0.0)
