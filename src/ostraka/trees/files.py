"""Files of trees: what is in the database as lines of a format, and lines into the database."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.trees.export import ExportOptions, LeftOut, export
from ostraka.trees.export_schema import (
    ExportedMessage,
    ExportedTree,
    gather,
    read_lines,
    to_line,
)
from ostraka.trees.importing import imported_tree
from ostraka.trees.overview import TreeFilter, every_tree
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeRow
from ostraka.trees.training_rows import kto_rows, preference_rows, reward_rows, sft_rows
from ostraka.trees.tree import Tree

_AT_A_TIME: Final = 50
_THERE: Final = "there already"
_ELSEWHERE: Final = "one of its messages is in another tree"


class ExportFormat(StrEnum):
    """What a line of the file is."""

    OASST = "oasst"
    """A tree or message, as Open-Assistant writes it."""
    SFT = "sft"
    """A conversation up to its last answer."""
    DPO = "dpo"
    """A pair of answers, one preferred."""
    KTO = "kto"
    """An answer that is good or bad for itself."""
    REWARD = "reward"
    """A pair of whole conversations with how clearly one is preferred."""


def exported_lines(
    store: TreeStore,
    form: ExportFormat,
    options: ExportOptions,
    left_out: LeftOut,
    *,
    best_only: bool = False,
) -> Iterator[str]:
    """The lines of a file, one tree in memory at a time.

    Raises:
        InvalidInputError: single messages are chosen, and the format needs whole trees.
    """
    trees = every_tree(store, _filter(options))
    if form is ExportFormat.OASST:
        yield from map(to_line, export(trees, options, left_out))
        return
    if options.is_partial:
        raise InvalidInputError(
            f"the format '{form}' needs whole trees, not single messages", field="format"
        )
    spam = "include" if form is ExportFormat.KTO else options.spam
    whole = export(trees, replace(options, events=True, spam=spam), left_out)
    objects = (each for each in whole if isinstance(each, ExportedTree))
    rows = (
        sft_rows(objects, best_only=best_only) if form is ExportFormat.SFT else _ROWS[form](objects)
    )
    yield from (json.dumps(row, ensure_ascii=False) for row in rows)


def _filter(options: ExportOptions) -> TreeFilter:
    """What the database leaves out already; what else is left out is counted by its reason."""
    return TreeFilter(
        states=None if options.user is not None else options.states, language=options.language
    )


_ROWS: Final[dict[ExportFormat, Callable[[Iterable[ExportedTree]], Iterator[dict[str, Any]]]]] = {
    ExportFormat.DPO: preference_rows,
    ExportFormat.KTO: kto_rows,
    ExportFormat.REWARD: reward_rows,
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the trees of a file come in."""

    origin: str | None = None
    synthetic: bool = True
    """Of messages that do not say it."""
    model_name: str | None = None
    """Of machines' messages that do not say it."""
    language: str = "en"
    keep_states: bool = False
    """Leave trees in the states that the file names; otherwise they are parked."""
    activate: int = 0
    """So many of the trees go on to ranking at once."""
    limit: int | None = None
    preview: bool = False
    """Read and check everything, and keep nothing."""


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    trees: int = 0
    messages: int = 0
    activated: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Trees and messages that were left out, by reason."""


def import_lines(
    store: TreeStore, lines: Iterable[str], options: ImportOptions, actor: str, now: datetime
) -> Imported:
    """Take the trees of a file in; those that are there already are left alone.

    Raises:
        InvalidInputError: a line is none, or a tree contradicts itself; trees before it are kept,
            and reading the mended file again takes in the rest.
    """
    done, batch = Imported(), _Batch(store, options, actor, now)
    try:
        for given in _trees(lines, done):
            if batch.is_full(done):
                batch.take_in(done)
            if options.limit is not None and done.trees >= options.limit:
                break
            batch.trees.append(_tree(given, options, now))
    finally:
        batch.take_in(done)
    return done


@dataclass(slots=True)
class _Batch:
    """Trees that are taken in together: most of what one costs is its transaction."""

    store: TreeStore
    options: ImportOptions
    actor: str
    now: datetime
    trees: list[Tree] = field(default_factory=list)

    def is_full(self, done: Imported) -> bool:
        """Whether no other tree should come before these are taken in."""
        limit = self.options.limit
        at_limit = limit is not None and done.trees + len(self.trees) >= limit
        return at_limit or len(self.trees) >= _AT_A_TIME

    def take_in(self, done: Imported) -> None:
        """Take them in, and say what came of each."""
        trees, self.trees = self.trees, []
        if not trees:
            return
        for tree, why_not in zip(trees, self._outcomes(trees), strict=True):
            if why_not is not None:
                done.skipped[why_not] += 1
                continue
            done.trees += 1
            done.messages += len(tree.messages)
            if done.activated < self.options.activate and tree.state is State.BACKLOG_RANKING:
                done.activated += self._activated(tree)

    def _outcomes(self, trees: list[Tree]) -> list[str | None]:
        """Why each was left out, None where it was not."""
        if self.options.preview:
            with self.store.database.reading() as session:
                known = [session.get(TreeRow, tree.id) is not None for tree in trees]
            return [_THERE if each else None for each in known]
        return self.store.write(lambda session: [self._outcome(session, each) for each in trees])

    def _outcome(self, session: Session, tree: Tree) -> str | None:
        if session.get(TreeRow, tree.id) is not None:
            return _THERE
        try:
            self.store.keep_in(session, tree, self.actor, self.now)
        except ConflictError:
            return _ELSEWHERE
        return None

    def _activated(self, tree: Tree) -> bool:
        if self.options.preview:
            return True
        after = self.store.let_happen(tree.id, Event.ACTIVATE, self.actor, self.now)
        return after.tree.state is not State.ABORTED_LOW_GRADE


def _trees(lines: Iterable[str], done: Imported) -> Iterator[ExportedTree]:
    """Whole trees as they come, then those of messages that stand alone."""
    alone: list[ExportedMessage] = []
    for entry in read_lines(lines):
        if isinstance(entry, ExportedTree):
            yield entry
        else:
            alone.append(entry)
    trees, left = gather(alone)
    done.skipped["messages without their prompt"] += len(left)
    yield from trees


def _tree(given: ExportedTree, options: ImportOptions, now: datetime) -> Tree:
    tree = imported_tree(
        given,
        now,
        state=None if options.keep_states else State.BACKLOG_RANKING,
        origin=options.origin,
        synthetic=options.synthetic,
        language=options.language,
    )
    if options.model_name is None:
        return tree
    unnamed = (m for m in tree.messages.values() if m.synthetic and m.model_name is None)
    return tree.with_messages(*(replace(each, model_name=options.model_name) for each in unnamed))
