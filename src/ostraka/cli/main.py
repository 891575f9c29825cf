"""The `ostraka` command."""

from typing import Annotated

import typer
from rich.console import Console

from ostraka import __version__
from ostraka.cli.console import run_command
from ostraka.cli.lazy import LazyCommand, lazy_group

_LAZY = {
    "moderate": LazyCommand(
        "ostraka.cli.moderate", "moderate", "Judge texts, lines or whole files."
    ),
    "models": LazyCommand("ostraka.cli.models", "app", "List models, and show what they can do."),
    "config": LazyCommand("ostraka.cli.config", "app", "Show and check the settings."),
    "evaluate": LazyCommand(
        "ostraka.cli.evaluate",
        "evaluate",
        "Measure a model on labelled rows and print the quality report.",
    ),
    "adapt": LazyCommand(
        "ostraka.cli.adapt",
        "adapt",
        "Fit the classifier to your own labels: a few hundred rows do, in seconds.",
    ),
    "data": LazyCommand(
        "ostraka.cli.data", "app", "Prepare, check and look at files of labelled rows."
    ),
    "train": LazyCommand("ostraka.cli.train", "app", "Train classifiers."),
    "jobs": LazyCommand(
        "ostraka.cli.jobs",
        "app",
        "Make training jobs, look at them, follow, start and cancel them.",
    ),
    "judge": LazyCommand(
        "ostraka.cli.judge", "app", "Ask an LLM judge, and see how far to trust it."
    ),
    "policy": LazyCommand(
        "ostraka.cli.policy",
        "app",
        "Check policies, run their examples, compare them, see why they decide.",
    ),
    "items": LazyCommand("ostraka.cli.items", "app", "Run verdicts on items again."),
    "quality": LazyCommand(
        "ostraka.cli.quality", "app", "See how far reviewers agree, and how often they are right."
    ),
    "env": LazyCommand(
        "ostraka.cli.environment",
        "app",
        "Let agents play the moderation queue, and check the environment.",
    ),
    "keys": LazyCommand("ostraka.cli.keys", "app", "Make, list and revoke API keys."),
    "people": LazyCommand(
        "ostraka.cli.people", "app", "Add people who sign in, and give them roles and links."
    ),
    "suggestions": LazyCommand(
        "ostraka.cli.suggestions", "app", "Scores that clients suggested for texts."
    ),
    "trees": LazyCommand(
        "ostraka.cli.trees", "app", "Take conversation trees in and out, and look after them."
    ),
    "worker": LazyCommand(
        "ostraka.cli.worker",
        "worker",
        "Work on training jobs, batches, webhooks, shadows and trees until stopped.",
    ),
    "work": LazyCommand("ostraka.cli.work", "app", "Look at queued work and steer it."),
    "webhooks": LazyCommand(
        "ostraka.cli.webhooks", "app", "Add webhooks, look at deliveries, replay them."
    ),
    "reports": LazyCommand(
        "ostraka.cli.reports", "app", "Write statements, the transparency report, exports."
    ),
    "demo": LazyCommand(
        "ostraka.cli.demo",
        "demo",
        "Fill an empty data folder with two weeks of moderation that never happened.",
    ),
    "audit": LazyCommand("ostraka.cli.audit", "app", "Look at the audit log and verify it."),
    "database": LazyCommand(
        "ostraka.cli.database", "app", "Look at the database's schema and change it."
    ),
}

app = typer.Typer(
    name="ostraka",
    cls=lazy_group(_LAZY),
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Self-hosted moderation that learns from its reviewers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_errors = Console(stderr=True)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Start the moderation service."""
    from ostraka.console.first import new_first_link
    from ostraka.console.mount import mount
    from ostraka.server.app import create_app
    from ostraka.server.run import run
    from ostraka.settings import load_settings

    settings = load_settings(host=host, port=port)
    address = f"http://{settings.host}:{settings.port}"
    application = create_app(settings)
    mount(application)
    _errors.print(f"Ostraka {__version__} on [bold]{address}[/] ({application.state.announcement})")
    key = "-H 'authorization: Bearer YOUR_KEY' " if application.state.needs_key else ""
    _errors.print(f"Playground: {address}/", highlight=False)
    if application.state.needs_key and not application.state.any_people:
        link = f"{settings.public_url.rstrip('/') or address}{new_first_link(application)}"
        _errors.print(f"First sign-in, once: {link}", highlight=False, soft_wrap=True)
    _errors.print(
        f"Try: curl {address}/v1/moderations {key}-H 'content-type: application/json' "
        """-d '{"input": "You are a stupid idiot."}'""",
        highlight=False,
        soft_wrap=True,
    )
    run(application, application.state.load, settings)


def main() -> None:
    """Entry point: an error of ours is one clear line, not a traceback."""
    raise SystemExit(run_command(app))
