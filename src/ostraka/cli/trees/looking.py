"""Look at trees on the command line."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.tree import Tree as Branch
from sqlalchemy import select

from ostraka.cli.console import answers
from ostraka.cli.trees.opened import Json, opened, print_table, say, shown, wide_console
from ostraka.review.tables import ItemRow
from ostraka.trees.agreement import by_contributor
from ostraka.trees.changing import tree_of
from ostraka.trees.export import ExportOptions, exported_message
from ostraka.trees.flags import page_of_flags
from ostraka.trees.keyset import Stretch
from ostraka.trees.moderation import items_of
from ostraka.trees.near_duplicates import list_near_duplicates
from ostraka.trees.overview import (
    SUMMARIES,
    TreeFilter,
    counts_by_state,
    every_tree,
    list_trees,
    summary,
    system_counts,
)
from ostraka.trees.rewards import rewards_of
from ostraka.trees.states import State
from ostraka.trees.tables import TreeEventRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message

_COLUMNS = ("id", "state", "language", "messages", "goal_tree_size", "depth", "youngest", "origin")
_TEXT = 300
_WIDE = 1_000
"""No line of a tree is longer."""

Language = Annotated[str | None, typer.Option(help="Only of this language.")]
States = Annotated[list[State] | None, typer.Option("--state", help="Only in this state; or more.")]


def list_all(
    state: States = None,
    language: Language = None,
    origin: Annotated[str | None, typer.Option(help="Only imported under this name.")] = None,
    author: Annotated[str | None, typer.Option(help="Only prompts of this contributor.")] = None,
    search: Annotated[str | None, typer.Option(help="Only prompts with this text.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List trees, the newest first."""
    wanted = TreeFilter(frozenset(state) if state else None, language, origin, author, search)
    with opened() as store, store.database.reading() as session:
        rows = [asdict(each) for each in list_trees(session, wanted, limit)]
    if as_json:
        say(rows)
    elif rows:
        print_table(rows, _COLUMNS)
    else:
        typer.echo("There are no such trees.")


def show(
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="The tree's id, or any message's in it.")
    ],
    log: Annotated[bool, typer.Option("--log", help="What happened to it, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show a tree with its messages, verdicts and log."""
    with opened() as store:
        found = store.read(tree_of(store, message))
        with store.database.reading() as session:
            items = items_of(session, found)
            rewards = rewards_of(session, found.messages)
            events = [_event(row) for row in _log(session, found.id)] if log or as_json else []
    if as_json:
        say(_as_json(found, items, rewards) | {"log": events})
        return
    goal = f" of {found.limits.goal_tree_size}" if found.limits.goal_tree_size else ""
    answers().print(
        f"[bold]{found.id}[/] {found.state} ({found.language}), "
        f"{len(found.standing)}{goal} messages, "
        f"{len(found.awaiting_review)} wait for review, {len(found.leases)} open tasks"
    )
    wide_console(_WIDE).print(_branch(found, found.root, items, rewards))
    for event in events:
        answers().print(
            escape(f"{event['at']}  {event['actor']}  {event['act']}  {event['detail']}")
        )


def stats(
    name: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(SUMMARIES)}; an overview if none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Count trees, messages and contributors."""
    with opened() as store, store.database.reading() as session:
        if name is not None:
            found: dict[str, Any] = summary(session, name)
        else:
            found = system_counts(session) | {
                state: count for state, count in counts_by_state(session).items() if count
            }
    if as_json:
        say(found)
        return
    for key, value in found.items():
        typer.echo(f"{key:28} {value}")


def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List prompts that say nearly what another says.

    The newest come first. They are only pointed out: what becomes of them is yours to say.
    """
    with opened() as store, store.database.reading() as session:
        rows = [asdict(each) for each in list_near_duplicates(session, limit)]
    if as_json:
        say(rows)
    elif rows:
        print_table(rows, ("message_id", "of_message_id", "similarity", "found_at"))
    else:
        typer.echo("There are none.")


def flagged(
    every: Annotated[
        bool, typer.Option("--all", help="Also those that somebody has looked at.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List messages that were reported, the longest wait first.

    `ostraka trees show` says what stands around one; then delete it, or `ostraka trees forgive` it.
    """
    with opened() as store, store.database.reading() as session:
        found = page_of_flags(session, Stretch(limit=limit), processed=None if every else False)
        rows = [asdict(each) for each in found.entries]
    if as_json:
        say(rows)
    elif rows:
        print_table(rows, ("message_id", "reports", "reported_at", "text"))
    else:
        typer.echo("No reported message waits.")


def agreement(language: Language = None, as_json: Json = False) -> None:
    """Say how often contributors stood with what was decided.

    Over reviews: how often a review of theirs alone would have come to the decision. Over rankings:
    the share of pairs that they order as the consensus does.
    """
    with opened() as store:
        trees = every_tree(store, TreeFilter(language=language))
        found = by_contributor(trees, store.configuration)
    rows = [
        {
            "contributor": who,
            "reviews": each.reviews.of,
            "stood_with_decisions": each.reviews.value,
            "pairs": each.rankings.of,
            "stood_with_consensus": each.rankings.value,
        }
        for who, each in found.items()
    ]
    if as_json:
        say(rows)
    elif rows:
        columns = (
            "contributor",
            "reviews",
            "stood_with_decisions",
            "pairs",
            "stood_with_consensus",
        )
        print_table(rows, columns)
    else:
        typer.echo("Nothing is decided yet.")


def _branch(
    tree: Tree, message: Message, items: dict[str, ItemRow], rewards: dict[str, float]
) -> Branch:
    text = " ".join(message.text.split())
    text = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
    notes = ", ".join(_notes(message, items.get(message.id), rewards.get(message.id)))
    branch = Branch(f"[dim]{message.id}[/] [bold]{message.role}[/] [dim]{notes}[/]\n{escape(text)}")
    for reply in sorted(tree.children.get(message.id, ()), key=_by_rank):
        branch.children.append(_branch(tree, reply, items, rewards))
    return branch


def _by_rank(message: Message) -> tuple[bool, int]:
    return message.rank is None, message.rank or 0


def _notes(message: Message, item: ItemRow | None, reward: float | None) -> Iterator[str]:
    """What there is to say of a message, in few words."""
    if message.accepted or message.rejected:
        yield "accepted" if message.accepted else "rejected"
    else:
        yield f"{len(message.counted_reviews)} reviews"
    if message.rank is not None:
        yield f"rank {message.rank}"
    for name in ("deleted", "edited", "synthetic", "late"):
        if getattr(message, name):
            yield name
    if message.author is not None:
        yield f"by {message.author}"
    if item is not None:
        yield f"verdict {item.action}"
    if reward is not None:
        yield f"reward {shown(reward)}"


def _as_json(tree: Tree, items: dict[str, ItemRow], rewards: dict[str, float]) -> dict[str, Any]:
    options = ExportOptions(labels=True, events=True)
    return {
        "id": tree.id,
        "state": str(tree.state),
        "language": tree.language,
        "origin": tree.origin,
        "limits": asdict(tree.limits),
        "open_tasks": len(tree.leases),
        "messages": [
            exported_message(tree, each, options).model_dump(mode="json", exclude_none=True)
            | {"verdict": items[each.id].action if each.id in items else None}
            | {"item_id": items[each.id].id if each.id in items else None}
            | {"reward": rewards.get(each.id)}
            for each in tree.messages.values()
        ],
    }


def _log(session: Any, tree_id: str) -> Iterator[TreeEventRow]:
    wanted = select(TreeEventRow).where(TreeEventRow.tree_id == tree_id)
    found: Iterator[TreeEventRow] = iter(session.scalars(wanted.order_by(TreeEventRow.id)).all())
    return found


def _event(row: TreeEventRow) -> dict[str, Any]:
    return {
        "at": row.created_at.isoformat(timespec="seconds"),
        "actor": row.actor,
        "act": row.act,
        "detail": row.detail,
    }
