"""Agents play episodes."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, TypeVar

from ostraka.environment.agents import Agent
from ostraka.environment.environment import Environment
from ostraka.environment.generator import Episode
from ostraka.environment.play import Decision, StepResult

Found = TypeVar("Found")
Watch = Callable[[str, dict[str, Any], StepResult], None]
"""Told of each step: the post's id, the action and what came of it."""


@dataclass(frozen=True, slots=True)
class Played:
    """An episode that was played to its end."""

    episode: Episode
    decisions: tuple[Decision, ...]
    score: float


def play_episode(
    agent: Agent,
    task_id: str,
    seed: int,
    split: str = "train",
    *,
    environment: Environment | None = None,
    watch: Watch | None = None,
) -> Played:
    """Let `agent` play one episode; `watch` is told of every step."""
    environment = environment or Environment()
    observation = environment.reset(task_id, seed=seed, split=split)
    agent.begin(environment, seed)
    done = False
    while not done:
        action = agent.decide(observation)
        result = environment.step(action)
        if watch:
            watch(observation["post_id"], action, result)
        observation, done = result.observation, result.done
    play = environment.play
    return Played(play.episode, tuple(play.decisions), play.score)


def mean_score(agent: Agent, task_id: str, seeds: Iterable[int], split: str = "train") -> float:
    """The mean score of `agent` over `seeds`."""
    scores = [play_episode(agent, task_id, seed, split).score for seed in seeds]
    return sum(scores) / len(scores)


def in_parallel(
    play: Callable[[int], Found],
    seeds: Sequence[int],
    parallel: int,
    told: Callable[[], None] = lambda: None,
) -> list[Found]:
    """`play` of every seed, in the order of `seeds`, so many at once; `told` hears of each end.

    The first failure ends the run: what has not begun is not begun any more.
    """
    if parallel == 1:
        found: list[Found] = []
        for seed in seeds:
            found.append(play(seed))
            told()
        return found
    pool = ThreadPoolExecutor(parallel)
    try:
        running = [pool.submit(play, seed) for seed in seeds]
        for done in as_completed(running):
            done.result()
            told()
        return [each.result() for each in running]
    finally:
        pool.shutdown(cancel_futures=True)
