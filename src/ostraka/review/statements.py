"""Statements of reasons: what was done, to what, why, by which rule, and how to appeal.

Each comes in the shape of the EU's DSA Transparency Database, for reports to it, and as a plain
text for the author (Article 17 of Regulation (EU) 2022/2065).

The database must not get personal data, so its fields are made of the policy's words and of counts.
What a reviewer wrote goes to the author alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from ostraka.errors import NotFoundError
from ostraka.policy.document import PolicyDocument
from ostraka.review.measures import Measure
from ostraka.review.policies import PolicyStore
from ostraka.review.statement_vocabulary import (
    ACCOUNT,
    CATEGORIES,
    LANGUAGE_LETTERS,
    MOST_EXPLANATION,
    MOST_FACTS,
    MOST_GROUND,
    VISIBILITY,
    WARNING,
)
from ostraka.settings import Settings
from ostraka.taxonomy import Action, ViolationType

_DONE: Final[Mapping[str, str]] = {
    Action.WARN: "You have been given a warning. Your post stays visible.",
    Action.REMOVE: "Your post has been removed.",
    Action.BAN_TEMPORARY: "Your post has been removed and your account is suspended.",
    Action.BAN_PERMANENT: "Your post has been removed and your account is closed for good.",
}
_RULES_AGAINST: Final[Mapping[str, str]] = {
    ViolationType.SPAM: "spam",
    ViolationType.HATE_SPEECH: "hate speech",
    ViolationType.HARASSMENT: "harassment",
    ViolationType.MISINFORMATION: "misinformation",
    ViolationType.CSAM: "the sexual exploitation of children",
    ViolationType.ILLEGAL_SERVICES: "illegal goods and services",
    ViolationType.DOXXING: "publishing somebody's personal data",
    ViolationType.SELF_HARM_RISK: "content about self-harm",
    ViolationType.NONE: "content that is not allowed here",
}


@dataclass(frozen=True, slots=True)
class StatementTerms:
    """What the operator says in every statement."""

    territory: Sequence[str]
    terms_url: str = ""
    appeal: str = ""
    """How to appeal, as a sentence."""


def terms_of(settings: Settings) -> StatementTerms:
    """What the settings say in every statement."""
    return StatementTerms(
        settings.statement_countries, settings.statement_terms_url, settings.statement_appeal
    )


def statement(
    measure: Measure, policy: PolicyDocument | None, terms: StatementTerms
) -> dict[str, Any]:
    """The statement in the database's fields; those that say nothing are left out."""
    category = CATEGORIES[measure.violation]
    ban_ends = measure.banned_until if measure.action == Action.BAN_TEMPORARY else None
    fields: dict[str, Any] = {
        "decision_visibility": [VISIBILITY[measure.action]],
        "decision_visibility_other": WARNING if measure.action == Action.WARN else None,
        "decision_account": ACCOUNT.get(measure.action),
        "end_date_account_restriction": f"{ban_ends:%Y-%m-%d}" if ban_ends else None,
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "decision_ground_reference_url": terms.terms_url or None,
        "incompatible_content_ground": _cut(ground(measure, policy), MOST_GROUND),
        "incompatible_content_explanation": _cut(explanation(measure, policy), MOST_EXPLANATION),
        "incompatible_content_illegal": "Yes" if measure.violation == ViolationType.CSAM else None,
        "content_type": ["CONTENT_TYPE_TEXT"],
        "category": category.category,
        "category_specification": [category.keyword],
        "category_specification_other": category.other or None,
        "content_language": _language(measure.language),
        "content_date": f"{measure.posted_at:%Y-%m-%d}",
        "application_date": f"{measure.effective_at:%Y-%m-%d}",
        "territorial_scope": list(terms.territory),
        "decision_facts": _cut(facts(measure), MOST_FACTS),
        "source_type": "SOURCE_VOLUNTARY" if measure.detected else "SOURCE_TYPE_OTHER_NOTIFICATION",
        "automated_detection": "Yes" if measure.detected else "No",
        "automated_decision": automated_decision(measure),
        "puid": measure.id,
    }
    return {name: value for name, value in fields.items() if value is not None}


class Statements:
    """Statements with the policies that they name at hand; for one session."""

    def __init__(self, session: Session, policies: PolicyStore, terms: StatementTerms) -> None:
        self._session = session
        self._policies = policies
        self._terms = terms
        self._known: dict[str, PolicyDocument | None] = {}

    def fields(self, measure: Measure) -> dict[str, Any]:
        """The statement in the database's fields."""
        return statement(measure, self._policy(measure.policy_digest), self._terms)

    def text(self, measure: Measure) -> str:
        """The statement as a letter to the author."""
        return text_for_author(measure, self._policy(measure.policy_digest), self._terms)

    def _policy(self, digest: str) -> PolicyDocument | None:
        """The policy's document; None where another version of Ostraka shipped it."""
        if digest not in self._known:
            try:
                self._known[digest] = self._policies.get(self._session, digest).document
            except NotFoundError:
                self._known[digest] = None
        return self._known[digest]


def automated_decision(measure: Measure) -> str:
    """How far machines decided: all of it, by finding what a person then judged, or not at all."""
    if measure.by != "person":
        return "AUTOMATED_DECISION_FULLY"
    if measure.detected:
        return "AUTOMATED_DECISION_PARTIALLY"
    return "AUTOMATED_DECISION_NOT_AUTOMATED"


def ground(measure: Measure, policy: PolicyDocument | None) -> str:
    """The rule that the measure rests on, as a reference."""
    name = f"policy '{policy.name}'" if policy else "policy"
    rule = f", rule '{measure.rule}'" if measure.rule else ""
    against = _RULES_AGAINST[measure.violation]
    return f"Our rules against {against} ({name}{rule}, {measure.policy_digest})"


def explanation(measure: Measure, policy: PolicyDocument | None) -> str:
    """Why the content is not compatible with the rules, in the policy's own words."""
    against = _RULES_AGAINST[measure.violation]
    said = [f"The content was found to break our rules against {against}."]
    rule = (
        next((each for each in policy.rules if each.name == measure.rule), None) if policy else None
    )
    if rule is not None and rule.explanation:
        said.append(rule.explanation)
    return " ".join(said)


def facts(measure: Measure) -> str:
    """The facts and circumstances relied on, without anybody's personal data."""
    found = (
        "The content was found by automated assessment of its text."
        if measure.detected
        else "The content was brought to our attention by users."
    )
    said = [found]
    if measure.reports:
        people = "1 person" if measure.reports == 1 else f"{measure.reports} people"
        said.append(f"By then {people} had reported it.")
    said.append(f"Assessed by {measure.model}.")
    said.append(_who(measure))
    return " ".join(said)


def text_for_author(measure: Measure, policy: PolicyDocument | None, terms: StatementTerms) -> str:
    """The statement as a letter to whoever wrote the item."""
    done = _DONE[measure.action]
    if measure.action == Action.BAN_TEMPORARY and measure.banned_until is not None:
        done = done.removesuffix(".") + f" until {measure.banned_until:%d %B %Y, %H:%M} UTC."
    post = f"'{measure.external_id}'" if measure.external_id else measure.item_id
    parts = [
        done,
        f"What it is about: your post {post} of {measure.posted_at:%d %B %Y}.",
        f"Why: {explanation(measure, policy)}",
        f"The rule: {ground(measure, policy)}."
        + (f" Read our rules at {terms.terms_url}" if terms.terms_url else ""),
    ]
    if measure.reasons.strip():
        parts.append(f"What the reviewer wrote: {measure.reasons.strip()}")
    parts.append(f"How it was found and decided: {facts(measure)}")
    parts.append(f"From when: {measure.effective_at:%d %B %Y, %H:%M} UTC.")
    parts.append(f"If you disagree: {_appeal(policy, terms)}")
    parts.append(f"Reference: {measure.id}")
    return "\n\n".join(parts) + "\n"


def _appeal(policy: PolicyDocument | None, terms: StatementTerms) -> str:
    if policy is not None and not policy.appeals.allowed:
        own = "You may take the matter to a certified out-of-court dispute settlement body"
        return f"{own} or to court."
    within = f" within {policy.appeals.within_days:g} days" if policy else ""
    how = terms.appeal or "Answer to this message and say why."
    return (
        f"You may appeal{within}, and somebody else than before will look at it again. {how} "
        "You may also take the matter to a certified out-of-court dispute settlement body or to "
        "court."
    )


def _who(measure: Measure) -> str:
    if measure.by == "policy":
        return "The decision was taken by automated means, without a person."
    if measure.by == "agent":
        return "The decision was taken by an automated reviewer, without a person."
    if measure.detected:
        return "A person took the decision, with the automated assessment before them."
    return "A person took the decision."


def _language(language: str | None) -> str | None:
    primary = (language or "").partition("-")[0]
    is_known = len(primary) == LANGUAGE_LETTERS and primary.isascii() and primary.isalpha()
    return primary.upper() if is_known else None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
