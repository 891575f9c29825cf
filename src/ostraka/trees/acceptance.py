"""Whether a message is accepted: what its independent reviewers say of spam and language."""

from collections.abc import Iterable
from dataclasses import replace

from ostraka.trees.configuration import LabelKind, TreeConfiguration
from ostraka.trees.labels import LANGUAGE_MISMATCH, SPAM
from ostraka.trees.values import Decision, Message, Review, Role


def acceptance(reviews: Iterable[Review]) -> float:
    """1 less the mean of spam and the mean of language mismatch; one that is missing counts 0.

    Raises:
        ValueError: there are no reviews, so nothing is known; never a number that is none.
    """
    given = list(reviews)
    if not given:
        raise ValueError("a message without reviews has no acceptance")
    spam = sum(review.labels[SPAM] for review in given) / len(given)
    mismatch = sum(review.labels.get(LANGUAGE_MISMATCH, 0.0) for review in given) / len(given)
    return 1.0 - (spam + mismatch)


def required_reviews(message: Message, configuration: TreeConfiguration) -> int:
    """How many reviews a message needs."""
    if message.parent_id is None:
        return configuration.num_reviews_initial_prompt
    return configuration.num_reviews_reply


def decided(message: Message, configuration: TreeConfiguration) -> Message:
    """The message with its decision, once there are enough reviews; one that stands stays."""
    reviews = message.counted_reviews
    if message.decision is not None or len(reviews) < required_reviews(message, configuration):
        return message
    if message.parent_id is None:
        threshold = configuration.acceptance_threshold_initial_prompt
    else:
        threshold = configuration.acceptance_threshold_reply
    score = acceptance(reviews)
    return replace(message, decision=Decision(score > threshold, score=score))


def label_kind(message: Message) -> LabelKind:
    """Which set of labels a message is reviewed with."""
    if message.parent_id is None:
        return "initial_prompt"
    return "assistant_reply" if message.role is Role.ASSISTANT else "prompter_reply"
