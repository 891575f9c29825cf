"""The environment: steps over `/ws` beside OpenEnv's echo, decisions in process, start, memory.

`--openenv PYTHON` names the Python of an environment with `openenv` (`make test-clients` makes
one); without it there is no peer. A step of ours is one of `task_hard`, resets included.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import server
from benchmarks.report import Figure, Goal, arguments, show
from ostraka.environment.environment import Environment
from ostraka.environment.generator import generate, generate_anew
from ostraka.environment.gymnasium_queue import ModerationQueueVectorEnv

TASK = "task_hard"
SEEDS = 256
"""Episodes that are played again and again, as trainers do; they are generated once."""
CPU_GOAL, DECISIONS_GOAL, VECTOR_GOAL, BATCH_GOAL = 60.0, 30_000.0, 50_000.0, 50_000.0
START_GOAL, MEMORY_GOAL = 0.5, 80.0
ACTION = {"action_type": "remove", "violation_type": "spam", "reasoning": "It offers something."}
ECHO_RESET = '{"type": "reset", "data": {}}'
ECHO_STEP = json.dumps({"type": "step", "data": {"message": "x" * 200}})


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--openenv", type=Path, metavar="PYTHON", help="a Python with openenv")
    options = parser.parse_args()
    rounds, seconds = (3, 1.0) if options.quick else (5, 4.0)
    figures = [*over_sockets(options.openenv, rounds, seconds), *in_process(rounds, seconds / 2)]
    show("The environment", [*figures, *starts(rounds)], options.json)


def over_sockets(openenv: Path | None, rounds: int, seconds: float) -> list[Figure]:
    """Steps of 1 and 64 clients, a message each, and of many in one message."""
    reset = json.dumps({"type": "reset", "data": {"task_id": TASK, "seed": 42}})
    step = json.dumps({"type": "step", "data": ACTION})
    size = generate(TASK).task.size
    batch = json.dumps({"type": "batch_step", "data": {"actions": [ACTION] * size}})
    ours: dict[int, list[server.Steps]] = {1: [], 64: []}
    theirs: dict[int, list[server.Steps]] = {1: [], 64: []}
    batches: list[server.Steps] = []
    for _ in range(rounds):
        with server.environment() as running:
            for clients, found in ours.items():
                found.append(running.step(reset, [step], clients=clients, seconds=seconds))
            batches.append(running.step(reset, [batch], clients=8, seconds=seconds))
        if openenv:
            with server.openenv_echo(openenv) as running:
                for clients, found in theirs.items():
                    found.append(
                        running.step(ECHO_RESET, [ECHO_STEP], clients=clients, seconds=seconds)
                    )
    goal = Goal(at_least=1.0) if openenv else Goal()
    figures = [
        Figure(
            f"/ws, clients: {clients}", "steps/s",
            [each.rate for each in found], [each.rate for each in theirs[clients]], goal,
        )
        for clients, found in ours.items()
    ]  # fmt: skip
    cpu = [each.cpu for each in ours[64]]
    figures.append(
        Figure(
            "– processor time a step of 64 clients", "µs",
            cpu, [each.cpu for each in theirs[64]], Goal(below=CPU_GOAL),
        )
    )  # fmt: skip
    # A message with a whole queue's answers is one step to the client.
    of_core = [1e6 / each.cpu * size for each in batches]
    return [*figures, of_goal("/ws, a queue a message, per core", of_core, BATCH_GOAL)]


def in_process(rounds: int, seconds: float) -> list[Figure]:
    """Decisions of one core, by its processor time."""
    single, vector = one_by_one(), together()
    rates = [(per_core(single, seconds), per_core(vector, seconds)) for _ in range(rounds)]
    fresh = [per_core(generated(start), seconds) for start in range(0, rounds * 10**6, 10**6)]
    return [
        of_goal("in process, one queue", [each for each, _ in rates], DECISIONS_GOAL),
        of_goal("in process, VectorEnv(64)", [each for _, each in rates], VECTOR_GOAL),
        Figure("generating new episodes", "items/s per core", fresh),
    ]


def one_by_one() -> Callable[[], int]:
    """An episode with everything that an agent in process sees of it."""
    environment, seed = Environment(), 0

    def play() -> int:
        nonlocal seed
        seed = (seed + 1) % SEEDS
        environment.reset(TASK, seed=seed)
        decisions, done = 0, False
        while not done:
            done = environment.step(ACTION).done
            decisions += 1
        return decisions

    return play


def together() -> Callable[[], int]:
    """One step of 64 queues."""
    queues = ModerationQueueVectorEnv(64, TASK, episodes=SEEDS)
    queues.reset(seed=0)
    actions = np.tile(np.array([2, 0]), (64, 1))

    def step() -> int:
        _, _, over, _, _ = queues.step(actions)
        return 64 - int(over.sum())  # a queue that is over takes the next step to begin anew

    return step


def generated(start: int) -> Callable[[], int]:
    """An episode that was never dealt."""
    seed = start

    def make() -> int:
        nonlocal seed
        seed += 1
        return len(generate_anew(TASK, "train", seed).items)

    return make


def per_core(call: Callable[[], int], seconds: float) -> float:
    """What `call` does in a second of one core; other work on the machine disturbs that least."""
    for _ in range(SEEDS):
        call()
    done, started = 0, time.process_time()
    while (elapsed := time.process_time() - started) < seconds:
        done += call()
    return done / elapsed


def of_goal(name: str, rates: list[float], goal: float) -> Figure:
    """A rate beside its goal, as a ratio that must reach 1."""
    return Figure(name, "decisions/s", rates, [goal] * len(rates), Goal(at_least=1.0))


def starts(rounds: int) -> list[Figure]:
    """From the command to the first answer and the first post, and what the server then holds."""
    answered, dealt, memory = [], [], []
    for _ in range(rounds):
        with server.environment() as running:
            answered.append(running.processor_seconds())
            running.post("/reset", {"task_id": TASK})
            dealt.append(running.processor_seconds())
            memory.append(running.process.memory_info().rss / 1e6)
    goal = Goal(below=START_GOAL)
    return [
        Figure("start to first answer, processor time", "s", answered, goal=goal),
        Figure("– to the first post", "s", dealt),
        Figure("resident memory, with an episode", "MB", memory, goal=Goal(below=MEMORY_GOAL)),
    ]


if __name__ == "__main__":
    main()
