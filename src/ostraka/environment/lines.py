"""What a run prints: the lines that published baseline agents print, to the letter."""

from collections.abc import Mapping
from typing import Any, Final

from ostraka.environment.play import StepResult
from ostraka.taxonomy import ViolationType

LOWEST: Final = 0.01
HIGHEST: Final = 0.99
_BAR: Final = 30


def start_line(task_id: str, model: str) -> str:
    """The first line of a task."""
    return f"[START] task_id={task_id} model={model}"


def step_line(
    step: int, post_id: str, action: Mapping[str, Any], result: StepResult, total: float
) -> str:
    """The line of a step."""
    # A model may write anything here; a line stays one line.
    violation = " ".join(str(action.get("violation_type", ViolationType.NONE.value)).split())
    return (
        f"[STEP] step={step} post_id={post_id} action={action['action_type']} "
        f"violation={violation} reward={result.reward:.4f} cumulative={total:.4f} "
        f"done={'true' if result.done else 'false'}"
    )


def end_line(task_id: str, steps: int, total: float, score: float, model: str) -> str:
    """The last line of a task."""
    return (
        f"[END] task_id={task_id} total_steps={steps} total_reward={total:.4f} "
        f"final_score={final_score(score):.4f} model={model}"
    )


def final_score(score: float) -> float:
    """A score as baselines report it, never quite 0 nor 1."""
    return min(max(round(score, 4), LOWEST), HIGHEST)


def summary_lines(scores: Mapping[str, float]) -> list[str]:
    """What stands below the last task."""
    lines = ["", "=" * 60, "BASELINE RESULTS SUMMARY"]
    lines += [_bar_line(task_id, score) for task_id, score in scores.items()]
    return [*lines, _bar_line("OVERALL", sum(scores.values()) / len(scores))]


def _bar_line(name: str, score: float) -> str:
    filled = round(score * _BAR)
    return f"{name:<12} {'█' * filled}{'░' * (_BAR - filled)} {score:.4f}"
