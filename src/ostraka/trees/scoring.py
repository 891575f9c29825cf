"""What the rankings of a tree come to: a consensus for each parent, and each reply's rank."""

from collections.abc import Mapping
from dataclasses import replace

from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.ranking import Ballot, Consensus, consensus
from ostraka.trees.tree import Tree


def outcome(tree: Tree, parent_id: str) -> Consensus:
    """What contributors say together of the replies to one message.

    Raises:
        ValueError: a vote cannot be one.
    """
    present = {candidate.id for candidate in tree.candidates(parent_id)}
    ballots = []
    for vote in tree.complete_votes(parent_id):
        tiers = [tuple(name for name in tier if name in present) for tier in vote.tiers]
        ballots.append(Ballot(tuple(tier for tier in tiers if tier), vote.not_rankable))
    return consensus(ballots)


def outcomes(tree: Tree, configuration: TreeConfiguration) -> Mapping[str, Consensus]:
    """The outcome for every message whose replies are ranked.

    Raises:
        ValueError: a vote cannot be one.
    """
    parents = tree.rankable_parents(configuration.rank_prompter_replies)
    return {parent.id: outcome(tree, parent.id) for parent in parents}


def with_ranks(tree: Tree, configuration: TreeConfiguration) -> Tree:
    """The tree with each ranked reply's place; those that are in no consensus have none.

    Ranks that a file brought stay where nobody has ranked here.

    Raises:
        ValueError: a vote cannot be one.
    """
    changed = []
    for parent_id, found in outcomes(tree, configuration).items():
        if not found.ballots and not found.not_rankable:
            continue
        places = {name: place for place, name in enumerate(found.order)}
        for reply in tree.children[parent_id]:
            rank = places.get(reply.id)
            if reply.rank != rank:
                changed.append(replace(reply, rank=rank))
    return tree.with_messages(*changed)


def is_ranked_enough(tree: Tree, configuration: TreeConfiguration) -> bool:
    """Whether every message with two replies or more has the votes that it needs."""
    return all(
        len(tree.complete_votes(parent.id)) >= configuration.num_required_rankings
        for parent in tree.rankable_parents(configuration.rank_prompter_replies)
    )


def is_scorable(tree: Tree, configuration: TreeConfiguration) -> bool:
    """Whether the votes have a consensus at all."""
    try:
        outcomes(tree, configuration)
    except ValueError:
        return False
    return True
