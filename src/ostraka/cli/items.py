"""`ostraka items …`: look at what is kept about an item."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.markup import escape

from ostraka.cli.console import ExitCode, answers
from ostraka.factory.cascade import moderator_of
from ostraka.moderator import Verdict
from ostraka.review.explaining import compare, material_of
from ostraka.review.items import find_item
from ostraka.review.policies import PolicyStore
from ostraka.settings import load_settings
from ostraka.storage.database import Database

app = typer.Typer(help="Run verdicts on items again.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Run verdicts on items again."""


@app.command()
def explain(
    item: Annotated[str, typer.Argument(metavar="ID", help="The item's id, or the caller's.")],
    verdict: Annotated[
        str | None, typer.Option(help="A verdict's id; the one that counts if none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Run a verdict again with the versions that it names, and say same or different.

    For example:

      ostraka items explain post-17

    Exit codes: 0 the same; 1 different; 3 it cannot be run again; 2 wrong usage.
    """
    settings = load_settings()
    with closing(Database.at(settings.resolved_database_url)) as database:
        with database.reading() as session:
            known = item if item.startswith("item_") else None
            found = find_item(session, known, None if known else item)
            rerun = material_of(session, PolicyStore(), found.id, verdict)
        if rerun.obstacle is None:
            moderator = moderator_of(settings)

            async def score(texts: Sequence[str], model: str) -> list[Verdict]:
                return await moderator.moderate_many_async(texts, model=model)

            rerun = asyncio.run(rerun.scored_by(score))
    answer = compare(rerun)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _print(answer)
    if answer["same"] is None:
        raise typer.Exit(ExitCode.NOT_JUDGED)
    if not answer["same"]:
        raise typer.Exit(ExitCode.FAILURE)


def _print(answer: dict[str, Any]) -> None:
    console, stored = answers(), answer["verdict"]
    console.print(
        f"[bold]{stored['action']}[/] ({stored['violation']}), rule {escape(stored['rule'])}\n"
        f"  {escape(stored['why'])}\n"
        f"  policy {stored['policy']}\n  model {escape(stored['model'])}"
    )
    for step in answer["verdict"]["path"]:
        mark = "→" if step["matched"] else " "
        console.print(f"  {mark} {escape(step['rule'])}", highlight=False)
    if answer["same"] is None:
        console.print(f"[yellow]It cannot be run again.[/] {escape(answer['obstacle'])}")
    elif answer["same"]:
        console.print("[green]The same[/] when it is run again.")
    else:
        console.print("[bold red]Different[/] when it is run again:")
    for each in answer["differences"]:
        console.print(f"  {escape(each['field'])}: {each['then']} then, {each['now']} now")
