"""How far contributors agree: on one item, and each of them with what was decided."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ostraka.trees.acceptance import acceptance
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.ranking import Ballot, Consensus
from ostraka.trees.scoring import outcome
from ostraka.trees.statistics import GOOD_AGREEMENT
from ostraka.trees.tree import Tree


@dataclass(frozen=True, slots=True)
class Share:
    """How often of how many times."""

    agreed: int = 0
    of: int = 0

    @property
    def value(self) -> float | None:
        """The share; None where there is nothing to agree on."""
        return self.agreed / self.of if self.of else None

    def __add__(self, other: "Share") -> "Share":
        """Both together."""
        return Share(self.agreed + other.agreed, self.of + other.of)


def with_consensus(ballot: Ballot, found: Consensus) -> Share:
    """The pairs that a ballot orders as the consensus does, of those that both order."""
    if ballot.not_rankable:
        return Share()
    tier_of = {name: n for n, tier in enumerate(ballot.tiers) for name in tier}
    agreed = pairs = 0
    for better, worse in combinations(found.order, 2):
        if found.are_tied(better, worse) or better not in tier_of or worse not in tier_of:
            continue
        if tier_of[better] != tier_of[worse]:
            pairs += 1
            agreed += tier_of[better] < tier_of[worse]
    return Share(agreed, pairs)


def is_good(ballot: Ballot, found: Consensus) -> bool:
    """Whether a ranking is one of the good ones that earn a point more."""
    value = with_consensus(ballot, found).value
    return value is not None and value >= GOOD_AGREEMENT


def among(ballots: Sequence[Ballot], found: Consensus) -> float | None:
    """How far the rankings of one message agree with what they come to; None if nothing can."""
    return sum((with_consensus(each, found) for each in ballots), Share()).value


def on_pair(found: Consensus, chosen: str, rejected: str) -> float | None:
    """The share of ballots that prefer the chosen one, where equals count for half."""
    margin = found.margins.get((chosen, rejected))
    if margin is None or not found.ballots:
        return None
    return (found.ballots + margin) / (2 * found.ballots)


@dataclass(frozen=True, slots=True)
class ContributorAgreement:
    """How often somebody stood with what was decided."""

    reviews: Share = Share()
    rankings: Share = Share()


def by_contributor(
    trees: Iterable[Tree], configuration: TreeConfiguration
) -> Mapping[str, ContributorAgreement]:
    """Each contributor's agreement with the decisions and the consensus, over some trees."""
    reviews: defaultdict[str, Share] = defaultdict(Share)
    rankings: defaultdict[str, Share] = defaultdict(Share)
    for tree in trees:
        for message in tree.messages.values():
            if message.decision is None:
                continue
            root = message.parent_id is None
            threshold = (
                configuration.acceptance_threshold_initial_prompt
                if root
                else configuration.acceptance_threshold_reply
            )
            for review in message.counted_reviews:
                stood = (acceptance([review]) > threshold) is message.decision.accepted
                reviews[review.contributor] += Share(int(stood), 1)
        for parent in tree.rankable_parents(configuration.rank_prompter_replies):
            found = outcome(tree, parent.id)
            for vote in tree.complete_votes(parent.id):
                ballot = Ballot(vote.tiers, vote.not_rankable)
                rankings[vote.contributor] += with_consensus(ballot, found)
    return {
        who: ContributorAgreement(reviews[who], rankings[who])
        for who in sorted({*reviews, *rankings})
    }
