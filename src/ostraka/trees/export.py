"""Trees as objects of an OASST file, with what was left out and why."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ostraka.trees.export_schema import ExportedLabel, ExportedMessage, ExportedTree
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message, RankingVote

Choice = Literal["exclude", "include", "only"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What goes into the file. The defaults give finished trees of accepted human messages."""

    deleted: Choice = "exclude"
    spam: Choice = "exclude"
    """Messages that are not accepted."""
    synthetic: Choice = "exclude"
    """Trees that hold a message of a machine; with `only`, those messages alone."""
    user: str | None = None
    states: frozenset[State] | None = frozenset({State.READY_FOR_EXPORT})
    """None: every state, which is also so where one user's messages are asked for."""
    language: str | None = None
    prompts_only: bool = False
    labels: bool = False
    events: bool = False
    limit: int | None = None
    """Trees, or messages where the selection is partial."""
    anonymiser_seed: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether single messages are chosen, so that trees would have holes."""
        return self.user is not None or "only" in (self.deleted, self.spam, self.synthetic)


@dataclass(slots=True)
class LeftOut:
    """How much was not exported, by reason. It fills as the export is read."""

    trees: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Anonymiser:
    """Other ids in place of the real ones, the same for the same seed."""

    seed: str | None = None

    def __call__(self, collection: str, key: str) -> str:
        """The id to show. A tree has the id of its prompt, so it belongs with the messages."""
        if self.seed is None:
            return key
        return hashlib.sha256(f"{collection}:{key}{self.seed}".encode()).hexdigest()

    def message(self, key: str) -> str:
        """The id of a message or tree to show."""
        return self("message", key)

    def user(self, key: str) -> str:
        """The id of a person to show."""
        return self("user", key)


def export(
    trees: Iterable[Tree], options: ExportOptions, left_out: LeftOut | None = None
) -> Iterator[ExportedTree | ExportedMessage]:
    """Each object of the file, one tree held at a time; `left_out` counts the rest."""
    left_out = LeftOut() if left_out is None else left_out
    given = 0
    for tree in trees:
        why = _tree_is_left_out(tree, options)
        if why:
            left_out.trees[why] += 1
            continue
        entries: Iterable[ExportedTree | ExportedMessage]
        entries = (_flat if options.is_partial else _whole)(tree, options, left_out)
        for entry in entries:
            if options.limit is not None and given >= options.limit:
                return
            given += 1
            yield entry


def exported_message(tree: Tree, message: Message, options: ExportOptions) -> ExportedMessage:
    """One message without its replies."""
    hide = Anonymiser(options.anonymiser_seed)
    return ExportedMessage(
        message_id=hide.message(message.id),
        parent_id=hide.message(message.parent_id) if message.parent_id else None,
        user_id=hide.user(message.author) if message.author else None,
        created_date=message.created_at,
        text=message.text,
        role=message.role,
        lang=message.language,
        review_count=review_count(message),
        review_result=message.decision.accepted if message.decision else None,
        deleted=message.deleted,
        rank=message.rank,
        synthetic=message.synthetic,
        model_name=message.model_name,
        emojis=emoji_counts(message),
        labels=label_means(message) if options.labels else None,
        events=_events(tree, message, hide) if options.events else None,
        detoxify=dict(message.imported.detoxify) or None if message.imported else None,
    )


def review_count(message: Message) -> int:
    """How many reviewed a message: its rows, or what its file said."""
    if message.reviews or message.imported is None:
        return len(message.counted_reviews)
    return message.imported.review_count


def emoji_counts(message: Message) -> dict[str, int]:
    """How often each mark was put on a message."""
    counts = Counter(message.imported.emojis if message.imported else {})
    counts.update(mark.code for mark in message.marks)
    return {code: counts[code] for code in sorted(counts)}


def label_means(message: Message) -> dict[str, ExportedLabel]:
    """The mean of each label over the reviews that were asked for: neither an author's own words
    nor what passers-by say are mixed in.
    """
    if not message.reviews and message.imported is not None:
        known = message.imported.labels
        return {n: ExportedLabel(value=v.value, count=v.count) for n, v in known.items()}
    values: dict[str, list[float]] = {}
    for review in message.counted_reviews:
        for name, value in review.labels.items():
            values.setdefault(name, []).append(value)
    return {
        name: ExportedLabel(value=sum(found) / len(found), count=len(found))
        for name, found in values.items()
    }


def _tree_is_left_out(tree: Tree, options: ExportOptions) -> str | None:
    every_state = options.states is None or options.user is not None
    if not every_state and tree.state not in (options.states or ()):
        return "another state"
    if options.language is not None and tree.language != options.language:
        return "another language"
    messages = tree.messages.values()
    if options.synthetic == "exclude" and any(each.synthetic for each in messages):
        return "synthetic"
    return None


def _message_is_left_out(message: Message, options: ExportOptions) -> str | None:
    if options.user is not None and message.author != options.user:
        return "another user"
    for choice, holds, name in (
        (options.deleted, message.deleted, "deleted"),
        (options.spam, not message.accepted, "not accepted"),
        (options.synthetic, message.synthetic, "synthetic"),
    ):
        if choice == "exclude" and holds:
            return name
        if choice == "only" and not holds:
            return f"not {name}" if name != "not accepted" else "accepted"
    if options.prompts_only and message.parent_id is not None:
        return "no prompt"
    return None


def _whole(tree: Tree, options: ExportOptions, left_out: LeftOut) -> Iterator[ExportedTree]:
    why = _message_is_left_out(tree.root, options)
    if why:
        left_out.trees[f"prompt {why}"] += 1
        return
    hide = Anonymiser(options.anonymiser_seed)
    yield ExportedTree(
        message_tree_id=hide.message(tree.id),
        tree_state=tree.state,
        prompt=_with_replies(tree, tree.root, options, left_out),
        origin=tree.origin,
    )


def _with_replies(
    tree: Tree, message: Message, options: ExportOptions, left_out: LeftOut
) -> ExportedMessage:
    found = []
    for reply in sorted(tree.children.get(message.id, ()), key=_by_rank):
        why = _message_is_left_out(reply, options)
        if why:
            left_out.messages[why] += 1
            left_out.messages["below one that was left out"] += len(tree.below(reply.id)) - 1
        else:
            found.append(_with_replies(tree, reply, options, left_out))
    exported = exported_message(tree, message, options)
    return exported.model_copy(update={"replies": found or None})


def _flat(tree: Tree, options: ExportOptions, left_out: LeftOut) -> Iterator[ExportedMessage]:
    hide = Anonymiser(options.anonymiser_seed)
    for message in tree.messages.values():
        why = _message_is_left_out(message, options)
        if why:
            left_out.messages[why] += 1
            continue
        exported = exported_message(tree, message, options)
        place = {"message_tree_id": hide.message(tree.id), "tree_state": str(tree.state)}
        yield exported.model_copy(update=place)


def _by_rank(message: Message) -> tuple[bool, int]:
    return message.rank is None, message.rank or 0


def _events(
    tree: Tree, message: Message, hide: Anonymiser
) -> dict[str, list[dict[str, Any]]] | None:
    marks = sorted(message.marks, key=lambda mark: (mark.contributor, mark.code))
    found: dict[str, list[dict[str, Any]]] = {
        "emoji": [{"user_id": hide.user(m.contributor), "emoji": m.code} for m in marks],
        "ranking": [
            _ranking(tree, vote, hide) for vote in tree.votes if vote.parent_id == message.id
        ],
        "review": [
            {"user_id": hide.user(review.contributor), "labels": dict(review.labels)}
            for review in message.counted_reviews
        ],
    }
    return {kind: events for kind, events in found.items() if events} or None


def _ranking(tree: Tree, vote: RankingVote, hide: Anonymiser) -> dict[str, Any]:
    return {
        "user_id": hide.user(vote.contributor),
        "ranking": [place for place, tier in enumerate(vote.tiers) for _ in tier],
        "ranked_message_ids": [hide.message(name) for tier in vote.tiers for name in tier],
        "ranking_parent_id": hide.message(vote.parent_id),
        "message_tree_id": hide.message(tree.id),
        "not_rankable": vote.not_rankable,
    }
