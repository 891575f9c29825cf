"""The `ostraka` command."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ostraka import __version__
from ostraka.cli import adapt, database, evaluate, keys, suggestions, train
from ostraka.errors import OstrakaError
from ostraka.moderator import Moderator
from ostraka.settings import load_settings

app = typer.Typer(
    name="ostraka",
    help="Self-hosted moderation that learns from its reviewers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(train.app, name="train")
app.add_typer(database.app, name="database")
app.add_typer(keys.app, name="keys")
app.add_typer(suggestions.app, name="suggestions")
app.command()(evaluate.evaluate)
app.command()(adapt.adapt)
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
    import uvicorn

    from ostraka.server.app import create_app

    settings = load_settings(host=host, port=port)
    address = f"http://{settings.host}:{settings.port}"
    application = create_app(settings)
    _errors.print(f"Ostraka {__version__} on [bold]{address}[/] ({application.state.announcement})")
    key = "-H 'authorization: Bearer YOUR_KEY' " if application.state.needs_key else ""
    _errors.print(
        f"Try: curl {address}/v1/moderations {key}-H 'content-type: application/json' "
        """-d '{"input": "You are a stupid idiot."}'""",
        highlight=False,
        soft_wrap=True,
    )
    uvicorn.run(
        application,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=False,
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
    )


@app.command()
def moderate(
    text: Annotated[
        list[str] | None, typer.Argument(help="Texts; none reads lines from stdin.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model, plain or pinned by digest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
) -> None:
    """Judge texts and print their scores."""
    texts = text or [line.rstrip("\n") for line in sys.stdin]
    moderator = Moderator.default(load_settings())
    for each, verdict in zip(texts, moderator.moderate_many(texts, model=model), strict=True):
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        "text": each,
                        "flagged": verdict.flagged,
                        "scores": {str(c): round(s, 6) for c, s in verdict.scores.items()},
                        "flags": {str(c): f for c, f in verdict.flags.items()},
                        "stage": verdict.stage,
                        "sure": verdict.sure,
                        "model": verdict.model,
                    },
                    ensure_ascii=False,
                )
            )
            continue
        table = Table(title="flagged" if verdict.flagged else "not flagged", title_justify="left")
        for heading in ("category", "score", "threshold", ""):
            table.add_column(heading, justify="left" if heading in ("category", "") else "right")
        for category, score in sorted(verdict.scores.items(), key=lambda pair: -pair[1]):
            threshold = moderator.thresholds[category]
            mark = "flagged" if verdict.flags[category] else ""
            table.add_row(category, f"{score:.3f}", f"{threshold:.2f}", mark)
        table.caption = f"answered by the {verdict.stage} stage"
        Console().print(table)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List the models that can be asked for, with the digests that pin them."""
    cards = Moderator.default(load_settings()).models
    if as_json:
        typer.echo(json.dumps([{"id": c.id, "pinned_id": c.pinned_id} for c in cards]))
        return
    for card in cards:
        typer.echo(f"{card.id:18} {card.description}\n{'':18} {card.pinned_id}")


def main() -> None:
    """Entry point: an error of ours is one clear line, not a traceback."""
    try:
        app()
    except OstrakaError as error:
        _errors.print(f"[red]Error:[/] {error.message}", highlight=False)
        raise SystemExit(1) from error
