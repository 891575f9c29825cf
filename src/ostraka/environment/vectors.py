"""Observations and answers as arrays and texts, for trainers that speak in spaces.

No library of a trainer is needed here; `gymnasium_queue` puts spaces around it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ostraka.environment.actions import DEFER, LOOK_UPS, Answer, answer_of
from ostraka.environment.generator import generate
from ostraka.taxonomy import Action, ViolationType

ACTIONS: Final = (*(action.value for action in Action), *LOOK_UPS, DEFER)
"""What the first number of an answer means; the last three are for shifts alone."""
VIOLATIONS: Final = tuple(violation.value for violation in ViolationType)
"""What the second number of an answer means."""
RECORD: Final = ("total", "warn", "remove", "ban_temporary", "ban_permanent")
"""What the numbers of an author's record count."""
CLOCK: Final = ("minutes_left", "deadline_in", "escalations_left", "backlog")
"""The numbers of a shift; zeros in other tasks."""
ANSWERS: Final = tuple(
    tuple(answer_of(action, violation) for violation in VIOLATIONS) for action in ACTIONS
)
"""Every answer that two numbers can mean."""

Numbers = npt.NDArray[np.float32]
Flags = npt.NDArray[np.int8]


class View(NamedTuple):
    """One observation: texts, and numbers of the shapes (5,), (9,) and (4,)."""

    content: str
    policy: str
    thread: str
    appeal: str
    record: Numbers
    available: Flags
    clock: Numbers


def answer_at(action: int, violation: int) -> Answer:
    """The answer that two numbers mean.

    Raises:
        IndexError: they mean none.
    """
    return ANSWERS[action][violation]


def view_of(observation: Mapping[str, Any]) -> View:
    """An observation of the environment as a view."""
    history = observation["author_history"]
    given = [each["action"] for each in history["prior_actions"]]
    counts = [history["total_violations"], *(given.count(name) for name in RECORD[1:])]
    available = frozenset(observation["available_actions"])
    return View(
        observation["content"],
        observation.get("policy", ""),
        "\n".join(each["content"] for each in observation["context_thread"]),
        observation["appeal_reason"] or "",
        np.array(counts, np.float32),
        np.array([name in available for name in ACTIONS], np.int8),
        np.array([observation.get(name, 0.0) for name in CLOCK], np.float32),
    )


@lru_cache(maxsize=1024)
def views_of(task_id: str, split: str, seed: int, secret: str = "") -> tuple[View, ...]:
    """The views of an episode's items, in order, for tasks whose items look the same to anybody.

    Their arrays are shared: copy before you change them.
    """
    return tuple(view_of(item.observation) for item in generate(task_id, split, seed, secret).items)
