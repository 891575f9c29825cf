"""Trees out of the objects of an OASST file."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from ostraka.errors import InvalidInputError
from ostraka.trees.export_schema import ExportedMessage, ExportedTree
from ostraka.trees.language_tags import canonical
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    Decision,
    ImportedFacts,
    LabelValue,
    Limits,
    Mark,
    Message,
    RankingVote,
    Review,
)


def imported_tree(
    given: ExportedTree,
    now: datetime,
    *,
    state: State | None = State.BACKLOG_RANKING,
    origin: str | None = None,
    synthetic: bool = True,
    language: str = "en",
) -> Tree:
    """A tree as its file describes it. It grows no further: its limits are 0.

    `state` None keeps the state that the file names; a store takes a tree that was at work from
    there to where it can go within such limits. `synthetic`, `language` and `now` stand in for
    what a message does not say. A message that says nothing of reviews counts as accepted.

    Raises:
        InvalidInputError: ids, roles or the state contradict each other.
    """
    if given.prompt.message_id != given.message_tree_id:
        raise InvalidInputError(
            f"The tree {given.message_tree_id} has another id than its prompt, "
            f"{given.prompt.message_id}.",
            field="message_tree_id",
        )
    messages: dict[str, Message] = {}
    votes: list[RankingVote] = []
    waiting: list[tuple[ExportedMessage, Message | None]] = [(given.prompt, None)]
    while waiting:
        source, parent = waiting.pop(0)
        message = _message(source, parent, now, synthetic=synthetic, language=language)
        if message.id in messages:
            raise InvalidInputError(f"The id {message.id} stands twice.", field="message_id")
        messages[message.id] = message
        votes.extend(votes_of(source))
        waiting.extend((reply, message) for reply in source.replies or ())
    state = state or _state(given.tree_state)
    return Tree(
        id=given.message_tree_id,
        language=canonical(given.prompt.lang or language),
        limits=Limits(0, 0, 0, 0),
        messages=_with_late(messages) if state in _GROWN_UP else messages,
        state=state,
        votes=tuple(votes),
        origin=origin if origin is not None else given.origin,
    )


_GROWN_UP: Final = (State.RANKING, State.READY_FOR_EXPORT, State.SCORING_FAILED)


def _with_late(messages: Mapping[str, Message]) -> Mapping[str, Message]:
    """A reply without a decision in a tree that grew up came too late, and waits for none."""
    return {
        name: replace(each, late=each.decision is None and each.parent_id is not None)
        for name, each in messages.items()
    }


def _state(name: str | None) -> State:
    try:
        return State(name or State.BACKLOG_RANKING)
    except ValueError:
        raise InvalidInputError(
            f"'{name}' is no state of a tree.", field="tree_state", valid=list(State)
        ) from None


def _message(
    source: ExportedMessage,
    parent: Message | None,
    now: datetime,
    *,
    synthetic: bool,
    language: str,
) -> Message:
    if parent is not None and source.role is not parent.role.other:
        raise InvalidInputError(
            f"{source.message_id} has the role of the message that it answers.", field="role"
        )
    if parent is not None and source.parent_id not in (None, parent.id):
        raise InvalidInputError(
            f"{source.message_id} stands below another message than its parent.", field="parent_id"
        )
    events = source.events or {}
    marks = frozenset(Mark(e["user_id"], e["emoji"]) for e in events.get("emoji", ()))
    return Message(
        id=source.message_id,
        author=source.user_id,
        role=source.role,
        text=source.text,
        created_at=source.created_date or now,
        parent_id=parent.id if parent else None,
        depth=parent.depth + 1 if parent else 0,
        language=canonical(source.lang or language),
        deleted=bool(source.deleted),
        synthetic=synthetic if source.synthetic is None else source.synthetic,
        model_name=source.model_name,
        reviews=tuple(Review(e["user_id"], e["labels"]) for e in events.get("review", ())),
        decision=_decision(source),
        marks=marks,
        rank=source.rank,
        imported=_facts(source, marks),
    )


def _decision(source: ExportedMessage) -> Decision | None:
    if source.review_result is None:
        return Decision(True, by="import") if source.review_count is None else None
    return Decision(source.review_result, by="import")


def _facts(source: ExportedMessage, marks: frozenset[Mark]) -> ImportedFacts:
    """What the file counts, less the marks that it names one by one."""
    emojis = dict(source.emojis or {})
    for mark in marks:
        emojis[mark.code] = emojis.get(mark.code, 0) - 1
    means = {n: LabelValue(v.value, v.count) for n, v in (source.labels or {}).items()}
    return ImportedFacts(
        review_count=source.review_count or 0,
        labels=MappingProxyType(means),
        emojis=MappingProxyType({code: count for code, count in emojis.items() if count > 0}),
        detoxify=MappingProxyType(dict(source.detoxify or {})),
    )


def votes_of(source: ExportedMessage) -> list[RankingVote]:
    """The single rankings of the replies to a message, where its file holds them."""
    return [_vote(event) for event in (source.events or {}).get("ranking", ())]


def _vote(event: Mapping[str, Any]) -> RankingVote:
    """Places that do not fall are tiers; Open-Assistant's are an order of what was on the screen,
    while its ids stand best first already.
    """
    names, places = event["ranked_message_ids"], event.get("ranking") or []
    if len(places) != len(names) or list(places) != sorted(places):
        places = range(len(names))
    pairs = groupby(zip(places, names, strict=True), key=lambda pair: pair[0])
    return RankingVote(
        contributor=event["user_id"],
        parent_id=event["ranking_parent_id"],
        tiers=tuple(tuple(name for _, name in tier) for _, tier in pairs),
        not_rankable=bool(event.get("not_rankable")),
    )
