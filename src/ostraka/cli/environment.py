"""`ostraka env …`: the moderation queue as an environment for agents."""

from typing import Final

import typer

from ostraka.cli.lazy import LazyCommand, lazy_group

_COMMANDS: Final = {
    "run": LazyCommand(
        "ostraka.cli.environment_play", "run", "Let an agent play, step by step or many seeds."
    ),
    "check": LazyCommand(
        "ostraka.cli.environment_check", "check", "Check that the environment cannot be gamed."
    ),
    "compare": LazyCommand(
        "ostraka.cli.environment_compare",
        "compare_reports",
        "Put reports of agents side by side, with paired bootstrap intervals.",
    ),
    "items": LazyCommand(
        "ostraka.cli.environment_items",
        "items",
        "Make a file of real items, to be mixed into episodes.",
    ),
    "export": LazyCommand(
        "ostraka.cli.environment_export",
        "export",
        "Write episodes as rows to train on: sft, dpo or grpo, in chat form.",
    ),
    "serve": LazyCommand(
        "ostraka.cli.environment_serve", "serve", "Serve the environment over HTTP and WebSocket."
    ),
}

app = typer.Typer(
    cls=lazy_group(_COMMANDS),
    help="Let agents play the moderation queue, and check the environment.",
)


@app.callback(no_args_is_help=True)
def _group() -> None:
    """Let agents play the moderation queue, and check the environment."""
