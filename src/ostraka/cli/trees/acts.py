"""What moderators do to trees and messages on the command line."""

import sys
from typing import Annotated

import typer

from ostraka.cli.trees.opened import Json, Preview, hand, opened, print_change
from ostraka.trees.editing import edit_message
from ostraka.trees.flags import forgive_message
from ostraka.trees.overview import TreeFilter, tree_ids
from ostraka.trees.single_acts import (
    decide_message,
    delete_message,
    move_tree,
    resume_tree,
    undelete_message,
)
from ostraka.trees.states import Event, State

TreeId = Annotated[str, typer.Argument(metavar="TREE", help="The tree's id, its prompt's.")]
MessageId = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.")]


def halt(tree: TreeId, preview: Preview = False, as_json: Json = False) -> None:
    """Stop a tree.

    Open tasks in it end; `ostraka trees resume` lets it go on where it was.
    """
    _move(tree, Event.HALT, "halt", preview=preview, as_json=as_json)


def resume(tree: TreeId, preview: Preview = False, as_json: Json = False) -> None:
    """Let a stopped tree go on.

    A halted one goes back to where it was. One that was given up is opened again, and its prompt
    reviewed anew; the flags and skips that stopped it do not count a second time.
    """
    with opened() as store:
        change = resume_tree(hand(store, preview=preview), tree)
    print_change(change, "resume", preview=preview, as_json=as_json)


def retry_scoring(
    tree: Annotated[
        str | None, typer.Argument(metavar="TREE", help="One tree; all that failed if none.")
    ] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Try again to put the rankings of trees together."""
    with opened() as store:
        with store.database.reading() as session:
            failed = TreeFilter(states=frozenset({State.SCORING_FAILED}))
            wanted = [tree] if tree else tree_ids(session, failed)
        for each in wanted:
            change = move_tree(hand(store, preview=preview), each, Event.RETRY_SCORING)
            print_change(change, "retry-scoring", preview=preview, as_json=as_json)
    if not wanted and not as_json:
        typer.echo("No tree has failed.")


def activate(tree: TreeId, preview: Preview = False, as_json: Json = False) -> None:
    """Send a parked tree on to ranking, before chance does."""
    _move(tree, Event.ACTIVATE, "activate", preview=preview, as_json=as_json)


def draw(tree: TreeId, preview: Preview = False, as_json: Json = False) -> None:
    """Let a waiting prompt begin to grow before its turn, where there is room for one more."""
    _move(tree, Event.DRAW, "draw", preview=preview, as_json=as_json)


def delete(message: MessageId, preview: Preview = False, as_json: Json = False) -> None:
    """Delete a message with all that is below it.

    Nothing is erased: `ostraka trees undelete` brings it back.
    """
    with opened() as store:
        change = delete_message(hand(store, preview=preview), message)
    print_change(change, "delete", preview=preview, as_json=as_json)


def undelete(message: MessageId, preview: Preview = False, as_json: Json = False) -> None:
    """Bring a deleted message back with all that is above it.

    What is below it stays deleted. What was purged cannot come back.
    """
    with opened() as store:
        change = undelete_message(hand(store, preview=preview), message)
    print_change(change, "undelete", preview=preview, as_json=as_json)


def edit(
    message: MessageId,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The new text; '-' reads it from stdin.")
    ],
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Put another text in a message, which is reviewed and ranked anew.

    What it was before is kept in its history.
    """
    text = sys.stdin.read() if text == "-" else text
    with opened() as store:
        change = edit_message(hand(store, preview=preview), message, text)
    print_change(change, "edit", preview=preview, as_json=as_json)


def forgive(message: MessageId, preview: Preview = False, as_json: Json = False) -> None:
    """Let a message stay: the red flags and skips that it has now count no more.

    If it was reported, `ostraka trees flagged` lists it no longer, unless somebody reports it anew.
    """
    with opened() as store:
        change = forgive_message(hand(store, preview=preview), message)
    print_change(change, "forgive", preview=preview, as_json=as_json)


def decide(
    message: MessageId,
    accept: Annotated[bool, typer.Option("--accept/--reject", help="What it is.")],
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Accept or reject a message, whatever its reviewers say."""
    with opened() as store:
        change = decide_message(hand(store, preview=preview), message, accepted=accept)
    print_change(change, "decide", preview=preview, as_json=as_json)


def _move(tree: str, event: Event, what: str, *, preview: bool, as_json: bool) -> None:
    with opened() as store:
        change = move_tree(hand(store, preview=preview), tree, event)
    print_change(change, what, preview=preview, as_json=as_json)
