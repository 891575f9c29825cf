"""The agent `human`: a person plays in the terminal. Questions go to stderr, lines to stdout."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from ostraka.cli.console import notices
from ostraka.environment.environment import Environment
from ostraka.taxonomy import ViolationType


class HumanAgent:
    """Shows each post and asks for a decision, by number or by name."""

    def __init__(self) -> None:
        self._console: Console = notices()
        self._policy = ""

    def begin(self, environment: Environment, seed: int) -> None:
        """Show the policy anew."""
        self._policy = ""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """What the person says."""
        if observation["policy"] != self._policy:
            self._policy = observation["policy"]
            self._console.print(f"\n[bold]Policy[/]\n{escape(self._policy)}")
        for line in shown(observation):
            self._console.print(line)
        action = self._chosen("Action", observation["available_actions"])
        if action in ("approve", "defer") or action.startswith("look_up"):
            return {"action_type": action, "violation_type": "none"}
        return {
            "action_type": action,
            "violation_type": self._chosen("Violation type", list(ViolationType)),
        }

    def _chosen(self, what: str, names: Sequence[str]) -> str:
        self._console.print(
            "  ".join(f"[bold]{number}[/] {name}" for number, name in enumerate(names, start=1))
        )
        while True:
            line = self._console.input(f"{what}: ", stream=sys.stdin)
            if not line:  # the input has ended
                raise typer.Abort
            said = line.strip().lower().replace(" ", "_")
            if said in names:
                return said
            if said.isascii() and said.isdigit() and 0 < int(said) <= len(names):
                return str(names[int(said) - 1])
            self._console.print(f"Say 1 to {len(names)}, or a name.")


def shown(observation: Mapping[str, Any]) -> list[str]:
    """A post with everything that matters about it, line by line, as markup."""
    history = observation["author_history"]
    lines = [
        "",
        f"[bold]Post {observation['queue_position']} of {observation['queue_total']}[/] by "
        f"{escape(observation['author_id'])}, who has {history['total_violations']} earlier "
        f"violations; today is {observation['today']}",
    ]
    lines += [
        f"  {each['date']} {each['action']} ({each['violation_type']})"
        for each in history["prior_actions"]
    ]
    lines += [f"  thread: {escape(each['content'])}" for each in observation["context_thread"]]
    if observation["is_appeal"]:
        lines.append(f"  appeal: {escape(str(observation['appeal_reason']))}")
    if "minutes_left" in observation:
        due = observation.get("deadline_in", 0.0)
        lines.append(
            f"  {observation['minutes_left']:g} minutes left, due in {due:g}, "
            f"{observation['escalations_left']} escalations left"
        )
    lines.append(f"[bold]>[/] {escape(observation['content'])}")
    return lines
