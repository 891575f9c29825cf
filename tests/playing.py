"""Plays in which everything is decided as it is right."""

from typing import Any

from ostraka.environment.environment import Environment
from ostraka.environment.play import StepResult


def right(environment: Environment) -> dict[str, Any]:
    """What is right about the item that is to be decided."""
    item = environment.play.current
    return {"action_type": item.action.value, "violation_type": item.violation.value}


def play_rightly(environment: Environment) -> list[StepResult]:
    """Every step up to the end."""
    results = [environment.step(right(environment))]
    while not results[-1].done:
        results.append(environment.step(right(environment)))
    return results
