"""Bring parked trees into ranking when a tree of their language has ended."""

from datetime import datetime
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.trees.advance import happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.growing_limit import within_limit
from ostraka.trees.holding import hold_language
from ostraka.trees.loading import load
from ostraka.trees.log import log_all
from ostraka.trees.lottery import backlog_activations
from ostraka.trees.saving import save
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeRow
from ostraka.work.leases import Lease, complete


def activate(
    store: TreeStore, language: str, now: datetime, random: Random, lease: Lease | None = None
) -> list[str]:
    """Activate as many parked trees as the configuration says; gives those that are ranked now.

    Those in which there is nothing to rank are given up on the way. With a `lease` its work ends
    in the same transaction, so that doing it again activates nothing more.
    """

    def unit(session: Session) -> list[str]:
        active: list[str] = []
        hold_language(session, language)
        open_rankings = _incomplete_rankings(session, language, store.configuration)
        wanted = backlog_activations(open_rankings, store.configuration, random)
        while len(active) < wanted:
            parked = _oldest_parked(session, language)
            if parked is None:
                break
            before = load(session, parked, lock=True)
            after = happen(before, Event.ACTIVATE, store.configuration, now)
            after = within_limit(session, before, after, Event.ACTIVATE, store.configuration, now)
            save(session, before, after.tree, store.configuration, now)
            log_all(session, "system", "activated", {}, after, now)
            if after.tree.state is not State.ABORTED_LOW_GRADE:
                active.append(parked)
        if lease is not None:
            complete(session, lease)
        return active

    return store.write(unit)


def _oldest_parked(session: Session, language: str) -> str | None:
    parked = (TreeRow.state == State.BACKLOG_RANKING, TreeRow.language == language)
    oldest = select(TreeRow.id).where(*parked).order_by(TreeRow.created_at, TreeRow.id).limit(1)
    return session.scalar(oldest)


def _incomplete_rankings(session: Session, language: str, configuration: TreeConfiguration) -> int:
    """Messages whose replies lack rankings; counted no further than it matters."""
    least, found = configuration.min_active_rankings_per_lang, 0
    if not least:
        return 0
    ranking = (TreeRow.state == State.RANKING, TreeRow.language == language)
    for tree_id in session.scalars(select(TreeRow.id).where(*ranking).order_by(TreeRow.id)).all():
        tree = load(session, tree_id)
        found += sum(
            len(tree.complete_votes(parent.id)) < configuration.num_required_rankings
            for parent in tree.rankable_parents(configuration.rank_prompter_replies)
        )
        if found >= least:
            break
    return found
