"""What an environment must stand before its scores mean anything.

The names of the checks are those that OpenEnv's policy lists and does not implement.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from ostraka.environment.agents import Agent, KeywordAgent, OracleAgent, RandomAgent
from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate, generate_anew
from ostraka.environment.library import Library, Split, library
from ostraka.environment.play import StepResult
from ostraka.environment.policies import communities
from ostraka.environment.running import mean_score
from ostraka.environment.tasks import EASY, Task
from ostraka.environment.zoo import canaries, constants, exploits, stuffing
from ostraka.errors import ConflictError

BEST_CONSTANT: Final = 0.35
RANDOM: Final = 0.30
KEYWORD: Final = 0.60
ORACLE: Final = 0.99
EXPLOIT: Final = 0.45
FLOOR_GAP: Final = 0.5
"""How far the oracle stands above everything that does not read, as `openenv.yaml` declares it."""
SEPARATION: Final = 0.02
NEAR: Final = 0.5
"""Two texts of different splits that share more of their word triples are too near."""

_PUBLISHED: Final = frozenset(
    name
    for line in (
        "post_id content author_id author_history total_violations prior_actions date action",
        "violation_type is_appeal appeal_reason context_thread action_taken available_actions",
        "task_description queue_remaining preview queue_position queue_total current_step",
        "max_steps cumulative_reward task_id policy policy_name today minute minutes_left",
        "escalations_left backlog looked_up deadline_in reach policy_changed episode_id seed",
        "split step_count done feedback reward_scale final_score decisions step action_type",
        "valid_action reward valid_violation_type",
    )
    for name in line.split()
)
"""Every name that may leave the environment before a decision."""
RESERVED: Final = frozenset({"observation", "reward", "done", "metadata", "info", "session_id"})
"""Names that no field of an observation may have: over HTTP they stand beside its fields."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    passed: bool
    found: str


def run_checks(task: Task, seeds: Sequence[int], split: str) -> Iterator[Finding]:
    """Every check of `task`, one by one."""
    few = seeds[:8]
    constant = _best(constants(task), task, seeds, split)
    yield _no_more("best constant", constant, BEST_CONSTANT)
    random = mean_score(RandomAgent(), task.id, seeds, split)
    yield _no_more("random", ("", random), RANDOM)
    keyword = mean_score(KeywordAgent(), task.id, seeds, split)
    yield _no_more("keyword baseline", ("", keyword), KEYWORD)
    stuffed = mean_score(stuffing(), task.id, seeds, split)
    yield Finding("reasoning never counts", stuffed == keyword, f"{stuffed:.4f} with stuffing")
    exploit = _best(exploits(task, seeds, split), task, seeds, split)
    yield _no_more("exploit zoo", exploit, EXPLOIT)
    yield _no_more("canary floor", _best(canaries(), task, few, split), 0.0)
    oracle = mean_score(OracleAgent(), task.id, seeds, split)
    yield _no_less("oracle maximum", oracle, ORACLE)
    yield _no_less("floor gap", oracle - max(constant[1], random), FLOOR_GAP)
    yield _no_less("gameability gap", oracle - exploit[1], FLOOR_GAP)
    for name, check in _CHECKS.items():
        yield Finding(name, all(check(task, seed, split) for seed in few), f"{len(few)} seeds")
    digests = {generate(task.id, split, seed).digest for seed in few}
    yield Finding("seed control", len(digests) == len(few), f"{len(digests)} of {len(few)} differ")


def check_difficulty(tasks: Sequence[Task], seeds: Sequence[int], split: str) -> Iterator[Finding]:
    """That who looks at words alone finds the easy task easier than each of the others."""
    easy = mean_score(KeywordAgent(), EASY.id, seeds, split)
    for task in tasks:
        if task is not EASY:
            gap = easy - mean_score(KeywordAgent(), task.id, seeds, split)
            yield _no_less(f"{EASY.id} is easier than {task.id}", gap, SEPARATION)


def check_splits() -> Iterator[Finding]:
    """That nothing of one split stands in another one."""
    for first, second in combinations(Split, 2):
        mine, theirs = library(first), library(second)
        shared = _names(first, mine) & _names(second, theirs)
        yield Finding(f"{first} and {second} are disjoint", not shared, f"{len(shared)} shared")
        near = _nearest(mine.texts(), theirs.texts())
        found = f"{near:.2f} of the word triples at most, allowed are {NEAR}"
        yield Finding(f"no near-duplicates in {first} and {second}", near <= NEAR, found)


def _names(split: Split, texts: Library) -> set[str]:
    return {*texts.texts(), *texts.authors, *(each.name for each in communities(split))}


def nearness(first: str, second: str) -> float:
    """The share of word triples that two texts have in common."""
    mine, theirs = _triples(first), _triples(second)
    return len(mine & theirs) / max(1, len(mine | theirs))


def _triples(text: str) -> set[tuple[str, ...]]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}


def _nearest(mine: Iterable[str], theirs: Iterable[str]) -> float:
    others = list(theirs)
    return max(nearness(one, other) for one in mine for other in others)


def _best(
    agents: dict[str, Agent], task: Task, seeds: Sequence[int], split: str
) -> tuple[str, float]:
    scores = {name: mean_score(agent, task.id, seeds, split) for name, agent in agents.items()}
    best = max(scores, key=scores.__getitem__)
    return best, scores[best]


def _no_more(check: str, found: tuple[str, float], bar: float) -> Finding:
    name, score = found
    said = f"{score:.4f}{f' by {name}' if name else ''}, at most {bar}"
    return Finding(check, score <= bar, said)


def _no_less(check: str, found: float, bar: float) -> Finding:
    return Finding(check, found >= bar, f"{found:.4f}, at least {bar}")


def _play(
    environment: Environment, task: Task, seed: int, split: str, steps: int | None = None
) -> Iterator[StepResult]:
    """A play by the random agent, step by step."""
    observation = environment.reset(task.id, seed=seed, split=split)
    agent = RandomAgent()
    agent.begin(environment, seed)
    done = False
    while not done and steps != 0:
        result = environment.step(agent.decide(observation))
        observation, done = result.observation, result.done
        steps = None if steps is None else steps - 1
        yield result


def _deterministic(task: Task, seed: int, split: str) -> bool:
    first = generate(task.id, split, seed).digest
    again = generate_anew(task.id, split, seed).digest
    plays = [list(_play(Environment(), task, seed, split)) for _ in range(2)]
    return first == again and plays[0] == plays[1]


def _isolated(task: Task, seed: int, split: str) -> bool:
    """Two interleaved plays are what each is alone."""
    alone = [list(_play(Environment(), task, each, split)) for each in (seed, seed + 1)]
    running = [_play(Environment(), task, each, split) for each in (seed, seed + 1)]
    together: list[list[StepResult]] = [[], []]
    for _ in range(max(map(len, alone))):
        for results, play in zip(together, running, strict=True):
            results += [result for result in [next(play, None)] if result]
    return alone == together


def _replayable(task: Task, seed: int, split: str) -> bool:
    """A play that was broken off in the middle can be restored from its log."""
    environment = Environment()
    list(_play(environment, task, seed, split, steps=5))
    restored = Environment.restore(environment.log())
    action = {"action_type": "remove", "violation_type": "spam"}
    same = restored.state() == environment.state()
    return same and restored.step(action) == environment.step(action)


def _nothing_leaks(task: Task, seed: int, split: str) -> bool:
    """No field but the published ones, and none of a reserved name."""
    environment = Environment()
    seen: list[Any] = [environment.reset(task.id, seed=seed, split=split)]
    for result in _play(environment, task, seed, split):
        seen += [result.observation, result.info, environment.state()]
    named = {name for each in seen for name in _fields(each)}
    top = {name for each in seen if "content" in each for name in each}
    return named <= _PUBLISHED and not top & RESERVED


def _contained(task: Task, seed: int, split: str) -> bool:
    """All that is handed out is plain data, from which no way leads back to the play; and without
    the play even the oracle knows nothing.
    """
    environment = Environment()
    seen: list[Any] = [environment.reset(task.id, seed=seed, split=split)]
    for result in _play(environment, task, seed, split):
        seen += [result._asdict(), environment.state()]
    outside = OracleAgent()
    outside.begin(Environment(), seed)
    try:
        outside.decide(seen[0])
    except ConflictError:
        return all(map(_is_plain, seen))
    return False


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from _fields(each)


def _well_formed(task: Task, seed: int, split: str) -> bool:
    """Every reward is a number in [0, 1], and an episode ends."""
    results = list(_play(Environment(), task, seed, split))
    numbers = all(type(each.reward) is float and 0.0 <= each.reward <= 1.0 for each in results)
    return numbers and results[-1].done and not any(each.done for each in results[:-1])


_CHECKS: Final[dict[str, Callable[[Task, int, str], bool]]] = {
    "episode determinism": _deterministic,
    "episode isolation": _isolated,
    "replayability": _replayable,
    "no solution leakage": _nothing_leaks,
    "oracle containment": _contained,
    "rewards are well formed": _well_formed,
}
