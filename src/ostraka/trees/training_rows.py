"""Trees as rows that trainers read: SFT, preference pairs, KTO and reward models.

Conversations are lists of `{"role": "user" | "assistant", "content": …}`, as `datasets` and `trl`
take them. Every row of a kind has the same columns; what is not known is null. Rows come from the
objects of an export, so the published OASST files give them too.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ostraka.trees.agreement import among, on_pair
from ostraka.trees.export_schema import ExportedMessage, ExportedTree
from ostraka.trees.importing import votes_of
from ostraka.trees.ranking import Ballot, Consensus, consensus
from ostraka.trees.values import Role

Turn = dict[str, str]
Row = dict[str, Any]
_ROLES: Final = {Role.PROMPTER: "user", Role.ASSISTANT: "assistant"}


def sft_rows(trees: Iterable[ExportedTree], *, best_only: bool = False) -> Iterator[Row]:
    """Each conversation from the prompt to its last answer; with `best_only` through replies of
    rank 0 alone, where there are ranks.
    """
    for tree in trees:
        for turns, last in _paths(tree, best_only=best_only):
            yield {
                "messages": turns,
                "message_tree_id": tree.message_tree_id,
                "message_id": last.message_id,
                "lang": last.lang,
                "rank": last.rank,
            }


def preference_rows(trees: Iterable[ExportedTree]) -> Iterator[Row]:
    """Each pair of ranked answers to the same conversation, for DPO and reward models.

    `agreement` is the share of contributors who prefer the chosen one, where the export holds their
    rankings. Pairs that the rankings leave open, and answers that most find not rankable, give no
    row.
    """
    for tree in trees:
        for prompt, parent in _asked(tree):
            found = _found(parent)
            if found.mostly_not_rankable:
                continue
            ranked = _ranked(_answers(parent))
            for at, chosen in enumerate(ranked):
                for rejected in ranked[at + 1 :]:
                    if not found.are_tied(chosen.message_id, rejected.message_id):
                        yield _pair(tree, prompt, chosen, rejected, found)


def kto_rows(trees: Iterable[ExportedTree]) -> Iterator[Row]:
    """Answers that are good or bad for themselves: the best and the last of a ranking, unless the
    rankings leave open which is which, and those that reviewers rejected where the export holds
    them.
    """
    for tree in trees:
        for prompt, parent in _asked(tree):
            answers = _answers(parent)
            ranked = _ranked(answers)
            found = _found(parent)
            for answer in answers:
                label = _is_good(answer, ranked, found)
                if label is not None:
                    yield {
                        "prompt": prompt,
                        "completion": [_turn(answer)],
                        "label": label,
                        "agreement": among(_ballots(parent), found),
                        "message_tree_id": tree.message_tree_id,
                        "message_id": answer.message_id,
                    }


def reward_rows(trees: Iterable[ExportedTree]) -> Iterator[Row]:
    """Pairs of whole conversations, with how clearly the first is preferred, from 0 to 1."""
    for row in preference_rows(trees):
        agreement = row["agreement"]
        yield {
            "chosen": [*row["prompt"], *row["chosen"]],
            "rejected": [*row["prompt"], *row["rejected"]],
            "margin": None if agreement is None else 2 * agreement - 1,
            "agreement": agreement,
            "votes": row["votes"],
            "message_tree_id": row["message_tree_id"],
        }


def _pair(
    tree: ExportedTree,
    prompt: list[Turn],
    chosen: ExportedMessage,
    rejected: ExportedMessage,
    found: Consensus,
) -> Row:
    return {
        "prompt": prompt,
        "chosen": [_turn(chosen)],
        "rejected": [_turn(rejected)],
        "agreement": on_pair(found, chosen.message_id, rejected.message_id),
        "votes": found.ballots,
        "message_tree_id": tree.message_tree_id,
        "chosen_id": chosen.message_id,
        "rejected_id": rejected.message_id,
    }


def _is_good(
    answer: ExportedMessage, ranked: list[ExportedMessage], found: Consensus
) -> bool | None:
    if answer.review_result is False:
        return False
    if len(ranked) < 2 or found.mostly_not_rankable:
        return None
    best, last = ranked[0], ranked[-1]
    if found.are_tied(best.message_id, last.message_id):
        return None
    if answer is best:
        return True
    return False if answer is last else None


def _turn(message: ExportedMessage) -> Turn:
    return {"role": _ROLES[message.role], "content": message.text}


def _answers(parent: ExportedMessage) -> list[ExportedMessage]:
    """Replies of the assistant that were not deleted."""
    return [
        each for each in parent.replies or () if each.role is Role.ASSISTANT and not each.deleted
    ]


def _ranked(answers: list[ExportedMessage]) -> list[ExportedMessage]:
    """Those with a rank, the best first."""
    return sorted((each for each in answers if each.rank is not None), key=lambda a: a.rank or 0)


def _ballots(parent: ExportedMessage) -> list[Ballot]:
    present = {each.message_id for each in _answers(parent) if each.review_result is not False}
    found = []
    for vote in votes_of(parent):
        tiers = [tuple(name for name in tier if name in present) for tier in vote.tiers]
        found.append(Ballot(tuple(tier for tier in tiers if tier), vote.not_rankable))
    return found


def _found(parent: ExportedMessage) -> Consensus:
    return consensus(_ballots(parent))


def _asked(tree: ExportedTree) -> Iterator[tuple[list[Turn], ExportedMessage]]:
    """Every message of the prompter that stands, with the conversation that it ends."""
    waiting: list[tuple[list[Turn], ExportedMessage]] = [([], tree.prompt)]
    while waiting:
        before, message = waiting.pop()
        if message.deleted or message.review_result is False:
            continue
        turns = [*before, _turn(message)]
        if message.role is Role.PROMPTER:
            yield turns, message
        waiting.extend((turns, reply) for reply in reversed(message.replies or []))


def _paths(tree: ExportedTree, *, best_only: bool) -> Iterator[tuple[list[Turn], ExportedMessage]]:
    """Conversations to each last answer; what a prompter says after it teaches nothing."""
    waiting: list[tuple[list[Turn], ExportedMessage]] = [([], tree.prompt)]
    while waiting:
        before, message = waiting.pop()
        turns = [*before, _turn(message)]
        going_on = [
            each
            for each in message.replies or ()
            if not (each.deleted or each.review_result is False)
            and not (best_only and each.rank not in (None, 0))
        ]
        if message.role is Role.ASSISTANT and not any(_leads_on(each) for each in going_on):
            yield turns, message
        waiting.extend((turns, each) for each in reversed(going_on))


def _leads_on(message: ExportedMessage) -> bool:
    """Whether a prompter's message was answered."""
    return any(not (e.deleted or e.review_result is False) for e in message.replies or ())
