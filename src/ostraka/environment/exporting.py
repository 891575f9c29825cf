"""Episodes as rows for trainers: SFT, DPO and GRPO, in the chat form that TRL takes.

Every row holds the canary, so that a model that was trained on rows by accident can be found out.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

from ostraka.environment.agents import Agent
from ostraka.environment.environment import Environment
from ostraka.environment.items import Item
from ostraka.environment.library import Split
from ostraka.environment.prompts import SYSTEM, prompt_of
from ostraka.environment.reward import reward_of
from ostraka.environment.tasks import task_of
from ostraka.errors import InvalidInputError

CANARY: Final = "ostraka-moderation-queue canary 5f0c6c1e-0b61-4d4f-9d55-6a4b3a0d7f1e"
_GRPO_PROMPT: Final = (
    "Moderate the queue. Read each post with its policy, then call decide; look_up shows what is "
    "hidden. Go on until the queue is done."
)


class RowKind(StrEnum):
    """What rows are for.

    `sft` holds the right answer to every post, `dpo` beside it one that is worse, `grpo` one row
    for each episode, which the trainer's tool class plays.
    """

    SFT = "sft"
    DPO = "dpo"
    GRPO = "grpo"


def rows_of(
    kind: RowKind, task_id: str, seeds: Sequence[int], split: str, rejected: Callable[[], Agent]
) -> Iterator[dict[str, Any]]:
    """The rows of some episodes, in order. `rejected` makes the agent whose answers are worse.

    Raises:
        InvalidInputError: the test split, which is for measuring, or no such task or split.
    """
    if split == Split.TEST:
        raise InvalidInputError(
            "the test split is for measuring; export train or validation", field="--split"
        )
    task = task_of(task_id)
    for seed in seeds:
        named = {"task_id": task.id, "seed": seed, "split": str(split), "canary": CANARY}
        if kind is RowKind.GRPO:
            yield {"prompt": [_message("user", _GRPO_PROMPT)], **named}
        else:
            yield from _decisions(kind, named, rejected())


def _decisions(kind: RowKind, named: dict[str, Any], agent: Agent) -> Iterator[dict[str, Any]]:
    environment = Environment()
    observation = environment.reset(named["task_id"], seed=named["seed"], split=named["split"])
    agent.begin(environment, named["seed"])
    done, step = False, 0
    while not done:
        item, step = environment.play.current, step + 1
        right = _answer(item.action, item.violation)
        prompt = [_message("system", SYSTEM), _message("user", prompt_of(_looked_up(environment)))]
        numbered = {**named, "step": step}
        if kind is RowKind.SFT:
            yield {"messages": [*prompt, _message("assistant", right)], **numbered}
        else:
            worse = _worse(environment, item, agent.decide(observation))
            yield {
                "prompt": prompt,
                "chosen": [_message("assistant", right)],
                "rejected": [_message("assistant", worse)],
                **numbered,
            }
        result = environment.step({"action_type": item.action, "violation_type": item.violation})
        observation, done = result.observation, result.done


def _looked_up(environment: Environment) -> dict[str, Any]:
    """What is observed; in a shift with record and thread, without which nobody can be right."""
    observed = environment.play.observe()
    hidden = environment.play.current.observation
    return {**observed, **{name: hidden[name] for name in ("author_history", "context_thread")}}


def _worse(environment: Environment, item: Item, given: dict[str, Any]) -> str:
    """The agent's answer where it earns less than the right one, else the most tempting other."""
    play = environment.play
    weights, allowed = play.episode.task.weights, set(map(str, play.episode.task.actions))
    action, violation = str(given["action_type"]), str(given["violation_type"])
    if action in allowed:
        earned = reward_of(weights, item.utilities[action], violation == item.violation)
        if earned < reward_of(weights, item.utilities[item.action], True):
            return _answer(action, violation)
    others = sorted(allowed - {item.action.value})
    tempting = max(others, key=lambda name: item.utilities[name])
    return _answer(tempting, item.violation)


def _answer(action: str, violation: str) -> str:
    return json.dumps({"action_type": str(action), "violation_type": str(violation)})


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
