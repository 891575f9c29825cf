"""Evaluating the default policy on stored facts and scores, beside the bare goal of a backtest.

What a backtest does for each item, without its database: read the stored JSON, evaluate, count.
The peer is the same policy without what makes it fast: CEL asked for every rule of every item.
"""

import random
import time
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.assess.artefact import Artefact, bundled_artefact_folder
from ostraka.policy.compiled import Policy
from ostraka.policy.evaluation import evaluate
from ostraka.policy.facts import AuthorFacts, Facts, ItemFacts, ReportFacts
from ostraka.policy.presets import default_policy, default_text

ITEMS = 2_000
GOAL = 20_000.0
HARMLESS = 0.8
"""The share of items with low scores; the others have one score of any height."""


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__).parse_args()
    rounds, seconds = (3, 0.5) if options.quick else (7, 2.0)
    made = stored_facts(ITEMS)
    written = [msgspec.json.encode(facts) for facts in made]
    policy = default_policy()
    plain = Policy.parse(as_conditions(policy))
    works = (
        backtest(policy, written),
        backtest(plain, written),
        evaluation(policy, made),
        telling(policy, made),
    )
    ours, peer, only, told = per_core(works, rounds=rounds, seconds=seconds)
    reached = [each / GOAL for each in ours]
    show(
        "The default policy",
        [
            Figure("a backtest, stored JSON in", "items/s per core", ours, peer),
            Figure("of its goal, 20,000 items/s", "times", reached, [1.0] * rounds, Goal(1.0)),
            Figure("evaluation alone", "items/s per core", only),
            Figure("evaluation with words and path", "items/s per core", told),
        ],
        options.json,
    )


def per_core(
    works: Sequence[Callable[[], int]], *, rounds: int, seconds: float
) -> list[list[float]]:
    """Items in a second of one core, of each in turn in every round.

    The goal is per core, and none of these waits for anything: time on the processor is the
    measure, which other work on the machine disturbs least.
    """
    rates: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, found in zip(works, rates, strict=True):
            done, started = 0, time.process_time()
            while (elapsed := time.process_time() - started) < seconds:
                done += work()
            found.append(done / elapsed)
    return rates


def stored_facts(count: int) -> list[Facts]:
    """Facts as the bundled classifier leaves them, always the same."""
    source = random.Random(5)
    categories = [str(each) for each in Artefact.load(bundled_artefact_folder()).categories]
    return [_facts(source, categories, number) for number in range(count)]


def _facts(source: random.Random, categories: Sequence[str], number: int) -> Facts:
    scores = {name: round(source.random() * 0.1, 4) for name in categories}
    harmless = source.random() < HARMLESS
    if not harmless:
        scores[source.choice(categories)] = round(source.random(), 4)
    violations = source.choice((0, 0, 0, 0, 1, 2, 6))
    reports = source.choice((0,) * 19 + (1,))
    return Facts(
        scores=scores,
        text_length=source.randrange(5, 900),
        sure=source.random() < 0.97,
        stage="lexical",
        author=AuthorFacts(strikes=violations / 2, violations=violations, known=True),
        item=ItemFacts("en", "forum", source.randrange(2000), True, {"post": number}),
        reports=ReportFacts(reports, {"spam": reports} if reports else {}),
    )


def backtest(policy: Policy, written: Sequence[bytes]) -> Callable[[], int]:
    """Read and evaluate everything, counting actions."""

    def run() -> int:
        counts: dict[str, int] = {}
        for row in written:
            action = evaluate(policy, Facts.from_json(row)).action
            counts[action] = counts.get(action, 0) + 1
        return sum(counts.values())

    return run


def evaluation(policy: Policy, made: Sequence[Facts]) -> Callable[[], int]:
    """Evaluate everything."""
    return lambda: len([evaluate(policy, facts) for facts in made])


def telling(policy: Policy, made: Sequence[Facts]) -> Callable[[], int]:
    """Evaluate everything and put it into words, as one stored verdict needs."""
    return lambda: len([evaluate(policy, facts).as_dict() for facts in made[:200]])


def as_conditions(policy: Policy) -> str:
    """The same rules with their categories written as CEL, so that CEL is asked about all."""
    text = default_text()[: default_text().index("# Examples are the policy's tests")]
    for compiled in policy.rules:
        if not compiled.marks:
            continue
        rule = compiled.rule
        parts = [f'"{name}" in scores && scores["{name}"] >= {mark!r}'
                 for name, mark in compiled.marks]  # fmt: skip
        condition = " || ".join(f"({part})" for part in parts)
        condition = f"({condition}) && {rule.when}" if rule.when else condition
        start = text.index(f'name = "{rule.name}"\n')
        end = text.index("\n\n", start)
        violation = rule.violation or policy.gravest([compiled.marks[0][0]])[0]
        action = rule.action if rule.action != "approve" else "escalate"
        text = (
            text[:start]
            + f"name = \"{rule.name}\"\nwhen = '''{condition}'''\naction = \"{action}\"\n"
            + f'violation = "{violation}"\nseverity = "{rule.severity or "medium"}"'
            + text[end:]
        )
    return text


if __name__ == "__main__":
    main()
