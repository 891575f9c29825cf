"""Roles of people, and what each may see and do: one table that pages and API ask.

API keys have scopes instead (`keys.py`): a key speaks for a program, a role for somebody who signs
in. Whatever stands in no table here is for admins alone.
"""

from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """What somebody may see or do."""

    MODERATE = "moderate"
    REVIEW = "review"
    READ_ITEMS = "read items"
    CHANGE_ITEMS = "change items"
    READ_POLICIES = "read policies"
    CHANGE_POLICIES = "change policies"
    INSIGHTS = "insights"
    AUDIT = "audit"
    TRAIN = "train"
    CONTRIBUTE = "contribute"
    MODERATE_TREES = "moderate trees"
    ADMINISTER = "administer"
    OWN_SETTINGS = "own settings"

    @property
    def meaning(self) -> str:
        """It in words."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Right.MODERATE: "score texts in the playground, practise on invented cases",
    Right.REVIEW: "claim cases and decide them",
    Right.READ_ITEMS: "search items and read them",
    Right.CHANGE_ITEMS: "submit and erase items, act on many at once, file appeals",
    Right.READ_POLICIES: "read policies and their guidance",
    Right.CHANGE_POLICIES: "write, test and activate policies",
    Right.INSIGHTS: "see volumes, handling times and agreement",
    Right.AUDIT: "read the audit log",
    Right.TRAIN: "train classifiers and compare them",
    Right.CONTRIBUTE: "write, label and rank messages of conversation trees",
    Right.MODERATE_TREES: "see whole conversation trees, stop them, delete and edit messages",
    Right.ADMINISTER: "add people and keys, set up webhooks",
    Right.OWN_SETTINGS: "change their own password, shortcuts and theme",
}


class Role(StrEnum):
    """What somebody is here for."""

    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    LEAD = "lead"
    POLICY_OWNER = "policy_owner"
    ML_ENGINEER = "ml_engineer"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """The role as pages write it."""
        return "ML engineer" if self is Role.ML_ENGINEER else self.replace("_", " ").capitalize()

    @property
    def purpose(self) -> str:
        """What the role is for, in a sentence."""
        return _PURPOSES[self]

    @property
    def rights(self) -> frozenset[Right]:
        """Everything that the role may do."""
        return RIGHTS[self]

    def may(self, right: Right) -> bool:
        """Whether the role may do this."""
        return right in RIGHTS[self]


_PURPOSES: Final = {
    Role.CONTRIBUTOR: "Writes, reviews and ranks messages of conversation trees.",
    Role.REVIEWER: "Decides cases and appeals.",
    Role.LEAD: "Leads reviewers: also acts on many items and sees how the team is doing.",
    Role.POLICY_OWNER: "Writes policies, tests them and puts them to work.",
    Role.ML_ENGINEER: "Trains classifiers and watches how they drift.",
    Role.ADMIN: "May do everything, and knows people by name.",
}

_EVERYBODY: Final = frozenset({Right.MODERATE, Right.READ_POLICIES, Right.OWN_SETTINGS})
_REVIEWER: Final = _EVERYBODY | {Right.REVIEW, Right.READ_ITEMS, Right.CONTRIBUTE}

RIGHTS: Final = {
    Role.CONTRIBUTOR: _EVERYBODY | {Right.CONTRIBUTE},
    Role.REVIEWER: _REVIEWER,
    Role.LEAD: _REVIEWER | {Right.CHANGE_ITEMS, Right.INSIGHTS, Right.AUDIT, Right.MODERATE_TREES},
    Role.POLICY_OWNER: _EVERYBODY
    | {Right.READ_ITEMS, Right.CHANGE_POLICIES, Right.INSIGHTS, Right.AUDIT},
    Role.ML_ENGINEER: _EVERYBODY
    | {Right.READ_ITEMS, Right.INSIGHTS, Right.TRAIN, Right.CONTRIBUTE},
    Role.ADMIN: frozenset(Right),
}
"""What each role may do."""

PAGES: Final = (
    ("/queue", Right.REVIEW, Right.REVIEW),
    ("/cases", Right.REVIEW, Right.REVIEW),
    ("/appeals", Right.REVIEW, Right.REVIEW),
    ("/items", Right.READ_ITEMS, Right.CHANGE_ITEMS),
    ("/trees/all", Right.MODERATE_TREES, Right.MODERATE_TREES),
    ("/trees/contributors", Right.MODERATE_TREES, Right.MODERATE_TREES),
    ("/trees", Right.CONTRIBUTE, Right.CONTRIBUTE),
    ("/training", Right.TRAIN, Right.TRAIN),
    ("/judge", Right.TRAIN, Right.ADMINISTER),
    ("/policies", Right.READ_POLICIES, Right.CHANGE_POLICIES),
    ("/insights", Right.INSIGHTS, Right.INSIGHTS),
    ("/practice", Right.MODERATE, Right.MODERATE),
    ("/audit", Right.AUDIT, Right.AUDIT),
    ("/people", Right.ADMINISTER, Right.ADMINISTER),
    ("/webhooks", Right.ADMINISTER, Right.ADMINISTER),
    ("/settings", Right.OWN_SETTINGS, Right.OWN_SETTINGS),
)
"""The console's areas by the beginning of their addresses, and what one needs to look at them and
to change something there."""

_DOORS: Final = (
    ("/playground", Right.MODERATE, Right.MODERATE),
    ("/api/queues", Right.REVIEW, Right.REVIEW),
    ("/api/cases", Right.REVIEW, Right.REVIEW),
    ("/api/decisions/bulk", Right.CHANGE_ITEMS, Right.CHANGE_ITEMS),
    ("/api/decisions", Right.REVIEW, Right.REVIEW),
    ("/api/items", Right.READ_ITEMS, Right.CHANGE_ITEMS),
    ("/api/reports", Right.READ_ITEMS, Right.CHANGE_ITEMS),
    ("/api/appeals", Right.REVIEW, Right.CHANGE_ITEMS),
    ("/api/policies", Right.READ_POLICIES, Right.CHANGE_POLICIES),
    ("/api/shadow", Right.INSIGHTS, Right.INSIGHTS),
    ("/api/quality", Right.INSIGHTS, Right.INSIGHTS),
    ("/api/insights", Right.INSIGHTS, Right.INSIGHTS),
    ("/api/golden", Right.INSIGHTS, Right.CHANGE_ITEMS),
    ("/api/audit", Right.AUDIT, Right.AUDIT),
    ("/api/rewards", Right.TRAIN, Right.TRAIN),
)
"""What people reach besides pages; the first that fits counts."""

_LOOKING: Final = ("GET", "HEAD", "OPTIONS")


def right_of(path: str, method: str = "GET") -> Right:
    """The right that somebody who is signed in needs for a request."""
    for beginning, to_look, to_change in (*PAGES, *_DOORS):
        if is_below(path, beginning):
            return to_look if method in _LOOKING else to_change
    return Right.ADMINISTER


def first_part(path: str) -> str:
    """A path up to its second slash: every request is sorted by it, so it is found at once."""
    end = path.find("/", 2)
    return path if end < 0 else path[:end]


AREAS: Final = frozenset(first_part(beginning) for beginning, _, _ in PAGES)
"""The areas of the console that strangers do not see, by the first part of their addresses."""


def is_page(path: str) -> bool:
    """Whether a path belongs to an area of the console that strangers do not see."""
    return first_part(path) in AREAS


def is_below(path: str, beginning: str) -> bool:
    """Whether a path is `beginning` or lies below it."""
    return path == beginning or path.startswith(f"{beginning}/")
