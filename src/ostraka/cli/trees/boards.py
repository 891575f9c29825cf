"""Boards on the command line."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from ostraka.cli.console import ExitCode
from ostraka.cli.trees.opened import Json, Preview, moment, opened, print_table, say
from ostraka.trees import boards
from ostraka.trees.contributions import tallies
from ostraka.trees.overview import every_tree
from ostraka.trees.statistics import Frame
from ostraka.trees.tallying import differences
from ostraka.trees.tallying import recount as write_anew

_LEADER: Final = (
    *("rank", "display_name", "score", "level", "streak_days", "prompts", "replies_assistant"),
    *("replies_prompter", "labels_full", "labels_simple", "rankings_total", "rankings_good"),
)
_TROLL: Final = (
    *("rank", "display_name", "score", "red_flags", "upvotes", "downvotes", "spam_prompts"),
    *("toxicity", "spam"),
)


def leaderboard(
    frame: Annotated[Frame, typer.Argument(help="Which span of time.")] = Frame.TOTAL,
    trouble: Annotated[
        bool, typer.Option("--trouble", help="By what others found wrong with their messages.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=boards.MOST_LINES, help="So many lines.")] = 20,
    as_json: Json = False,
) -> None:
    """Show contributors by points, or by trouble."""
    with opened() as store, store.database.reading() as session:
        if trouble:
            rows = [_trouble(each) for each in boards.trollboard(session, frame, moment(), limit)]
        else:
            rows = [_standing(each) for each in boards.leaderboard(session, frame, moment(), limit)]
    if as_json:
        say(rows)
    elif rows:
        print_table(rows, _TROLL if trouble else _LEADER)
    else:
        typer.echo("Nobody has done anything in this time.")


def recount(preview: Preview = False, as_json: Json = False) -> None:
    """Hold the boards against the trees, and set them right.

    Counts are kept with every act, so there should be nothing to set right; changes of the database
    by hand are a reason.

    Exit codes: 0 they agree, or were set right; 1 they differ and --preview was given.
    """
    with opened() as store:
        counted = (tallies(tree, moment()) for tree in every_tree(store))
        if preview:
            with store.database.reading() as session:
                wrong = differences(session, counted)
        else:
            with store.database.writing() as session:
                wrong = differences(session, trees := list(counted))
                if wrong:
                    write_anew(session, trees)
    if as_json:
        say([{"contributor": who, "name": name, **each} for (who, name), each in wrong.items()])
    elif not wrong:
        typer.echo("The boards agree with the trees.")
    else:
        typer.echo(f"{len(wrong):,} counts {'differ' if preview else 'were set right'}.")
    if wrong and preview:
        raise typer.Exit(ExitCode.FAILURE)


def _standing(each: boards.Standing) -> dict[str, Any]:
    return {
        "rank": each.rank,
        "contributor": each.contributor.id,
        "display_name": each.contributor.display_name,
        "score": each.score,
        "level": each.level,
        "streak_days": each.streak_days,
        **asdict(each.done),
    }


def _trouble(each: boards.Trouble) -> dict[str, Any]:
    return {
        "rank": each.rank,
        "contributor": each.contributor.id,
        "display_name": each.contributor.display_name,
        "score": each.score,
        **asdict(each.received),
        **each.means,
        "spam": each.spam,
    }
