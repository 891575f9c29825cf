"""`ostraka trees rewards …`: what a judge makes of replies, beside what people made of them."""

from pathlib import Path
from typing import Annotated

import typer

from ostraka.cli.trees.opened import Json, moment, opened, print_table, say
from ostraka.errors import DataError
from ostraka.trees.overview import TreeFilter, every_tree
from ostraka.trees.rewards import attach as attach_rewards
from ostraka.trees.rewards import compare as compare_rewards
from ostraka.trees.rewards import read_rewards, rewards_of
from ostraka.trees.states import State

app = typer.Typer(
    help="Attach a judge's rewards, compare them with people's ranks.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Attach a judge's rewards, compare them with people's ranks."""


@app.command()
def attach(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Rewards that `ostraka judge rewards` wrote.")
    ],
    as_json: Json = False,
) -> None:
    """Keep the rewards of exported trees with the replies that they are of.

    For example:

      ostraka trees export trees.jsonl
      ostraka judge rewards trees.jsonl rewards.jsonl --base-url http://localhost:8005/v1
      ostraka trees rewards attach rewards.jsonl
      ostraka trees rewards compare
    """
    try:
        with file.open(encoding="utf-8") as lines:
            rewards = read_rewards(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    with opened() as store, store.database.writing() as session:
        done = attach_rewards(session, rewards, moment())
    if as_json:
        say({"attached": done.attached, "known": done.known, "skipped": dict(done.skipped)})
        return
    typer.echo(f"{done.attached:,} attached, {done.known:,} there already.")
    for why, number in done.skipped.items():
        typer.echo(f"{number:>8,} left out: {why}")


@app.command()
def compare(
    model: Annotated[str | None, typer.Option(help="Only the rewards of this judge.")] = None,
    every_state: Annotated[
        bool, typer.Option("--all", help="Of trees in every state, not only of finished ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say how often the reply that people ranked higher has the higher reward."""
    states = None if every_state else frozenset({State.READY_FOR_EXPORT})
    with opened() as store:
        trees = list(every_tree(store, TreeFilter(states=states)))
        ids = [message for tree in trees for message in tree.messages]
        with store.database.reading() as session:
            rewards = rewards_of(session, ids, model)
    found = compare_rewards(trees, rewards)
    if as_json:
        say(found.as_dict())
        return
    share = "–" if found.pairs.value is None else f"{found.pairs.value:.1%}"
    typer.echo(f"{found.replies:,} replies with a reward, {found.pairs.of:,} ranked pairs.")
    typer.echo(f"In {share} of them the reply that people prefer has the higher reward.")
    if found.equal:
        typer.echo(f"{found.equal:,} more pairs have equal rewards.")
    if found.by_rank:
        rows = [{"rank": rank, "mean_reward": mean} for rank, mean in found.by_rank.items()]
        print_table(rows, ("rank", "mean_reward"))
