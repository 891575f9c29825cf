"""`ostraka judge …`: ask an LLM judge, and see how far to trust it. One module for each command."""

import typer

from ostraka.cli.lazy import LazyCommand, lazy_group

_COMMANDS = "ostraka.cli.judge"
_LAZY = {
    "moderate": LazyCommand(
        f"{_COMMANDS}.moderate", "moderate", "Judge texts by an LLM and a policy in words."
    ),
    "calibrate": LazyCommand(
        f"{_COMMANDS}.calibrate",
        "calibrate",
        "Set a judge's probabilities right by labelled texts.",
    ),
    "cache": LazyCommand(
        f"{_COMMANDS}.cache", "app", "List, export and drop the answers that are kept."
    ),
    "rewards": LazyCommand(
        f"{_COMMANDS}.rewards", "rewards", "Turn logged conversations into rewards."
    ),
    "turns": LazyCommand(
        f"{_COMMANDS}.turns", "turns", "Show how conversations are cut into turns."
    ),
    "export": LazyCommand(
        f"{_COMMANDS}.export", "export", "Write judged turns as training data for TRL and others."
    ),
    "agreement": LazyCommand(
        f"{_COMMANDS}.agreement",
        "agreement",
        "Compare judges with each other, with people, and with themselves.",
    ),
    "labels": LazyCommand(
        f"{_COMMANDS}.labels", "labels", "Print the label document, or check one of your own."
    ),
}

app = typer.Typer(cls=lazy_group(_LAZY), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Ask an LLM judge, and see how far to trust it."""
