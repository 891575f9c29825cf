"""`ostraka trees …`: conversation trees, in and out, and what moderators do to them."""

import typer

from ostraka.cli.lazy import LazyCommand, lazy_group

_COMMANDS = "ostraka.cli.trees"
_LAZY = {
    "import": LazyCommand(f"{_COMMANDS}.files", "import_trees", "Take in trees of an OASST file."),
    "export": LazyCommand(
        f"{_COMMANDS}.files", "export", "Write trees as OASST, SFT, DPO, KTO or reward data."
    ),
    "list": LazyCommand(f"{_COMMANDS}.looking", "list_all", "List trees, the newest first."),
    "show": LazyCommand(
        f"{_COMMANDS}.looking", "show", "Show a tree with its messages, verdicts and log."
    ),
    "stats": LazyCommand(
        f"{_COMMANDS}.looking", "stats", "Count trees, messages and contributors."
    ),
    "duplicates": LazyCommand(
        f"{_COMMANDS}.looking", "duplicates", "List prompts that say nearly what another says."
    ),
    "agreement": LazyCommand(
        f"{_COMMANDS}.looking",
        "agreement",
        "Say how often contributors stood with what was decided.",
    ),
    "halt": LazyCommand(f"{_COMMANDS}.acts", "halt", "Stop a tree."),
    "resume": LazyCommand(f"{_COMMANDS}.acts", "resume", "Let a stopped tree go on."),
    "activate": LazyCommand(f"{_COMMANDS}.acts", "activate", "Send a parked tree on to ranking."),
    "draw": LazyCommand(
        f"{_COMMANDS}.acts", "draw", "Let a waiting prompt begin to grow before its turn."
    ),
    "retry-scoring": LazyCommand(
        f"{_COMMANDS}.acts", "retry_scoring", "Try again to put the rankings of trees together."
    ),
    "delete": LazyCommand(
        f"{_COMMANDS}.acts", "delete", "Delete a message with all that is below it."
    ),
    "undelete": LazyCommand(
        f"{_COMMANDS}.acts", "undelete", "Bring a deleted message back with all that is above it."
    ),
    "edit": LazyCommand(
        f"{_COMMANDS}.acts", "edit", "Put another text in a message, which is reviewed anew."
    ),
    "decide": LazyCommand(
        f"{_COMMANDS}.acts", "decide", "Accept or reject a message, whatever its reviewers say."
    ),
    "flagged": LazyCommand(f"{_COMMANDS}.looking", "flagged", "List messages that were reported."),
    "forgive": LazyCommand(
        f"{_COMMANDS}.acts", "forgive", "Let a message stay: its red flags count no more."
    ),
    "ban": LazyCommand(f"{_COMMANDS}.people", "ban", "Let a contributor in no more."),
    "unban": LazyCommand(f"{_COMMANDS}.people", "unban", "Let a banned contributor in again."),
    "withdraw": LazyCommand(
        f"{_COMMANDS}.people", "withdraw", "Take back all that a contributor said of others."
    ),
    "reinstate": LazyCommand(
        f"{_COMMANDS}.people", "reinstate", "Put back reviews and rankings that were withdrawn."
    ),
    "purge": LazyCommand(
        f"{_COMMANDS}.people", "purge", "Erase a contributor, or what they wrote, for good."
    ),
    "merge": LazyCommand(
        f"{_COMMANDS}.people", "merge", "Make one contributor of several that are one person."
    ),
    "contributors": LazyCommand(f"{_COMMANDS}.people", "contributors", "List contributors."),
    "leaderboard": LazyCommand(
        f"{_COMMANDS}.boards", "leaderboard", "Show contributors by points, or by trouble."
    ),
    "recount": LazyCommand(
        f"{_COMMANDS}.boards", "recount", "Hold the boards against the trees, and set them right."
    ),
    "config": LazyCommand(f"{_COMMANDS}.config", "app", "Check and show how trees are grown."),
    "rewards": LazyCommand(
        f"{_COMMANDS}.rewards", "app", "Attach a judge's rewards, compare them with people's ranks."
    ),
}

app = typer.Typer(cls=lazy_group(_LAZY), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Take conversation trees in and out, and look after them."""
