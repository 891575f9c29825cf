"""The words of the EU's DSA Transparency Database, and ours in them.

Source: the documentation of the database's API (schema in force since July 2025),
https://transparency.dsa.ec.europa.eu/page/api-documentation, and what it explains of each field,
https://transparency.dsa.ec.europa.eu/page/additional-explanation-for-statement-attributes; code at
https://github.com/digital-services-act/transparency-database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ostraka.taxonomy import Action, ViolationType

FIELDS: Final = (
    "puid",
    "decision_visibility",
    "decision_visibility_other",
    "decision_account",
    "end_date_account_restriction",
    "decision_ground",
    "decision_ground_reference_url",
    "incompatible_content_ground",
    "incompatible_content_explanation",
    "incompatible_content_illegal",
    "category",
    "category_specification",
    "category_specification_other",
    "content_type",
    "content_language",
    "content_date",
    "territorial_scope",
    "application_date",
    "decision_facts",
    "source_type",
    "automated_detection",
    "automated_decision",
)
"""Those of the database's fields that a moderation service of texts can fill."""

MOST_FACTS: Final = 5000
MOST_EXPLANATION: Final = 2000
MOST_GROUND: Final = 500


@dataclass(frozen=True, slots=True)
class Category:
    """The category of a statement, and the keyword that tells it more closely."""

    category: str
    keyword: str
    other: str = ""
    """What `KEYWORD_OTHER` stands for."""


CATEGORIES: Final[Mapping[str, Category]] = {
    ViolationType.SPAM: Category("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "KEYWORD_OTHER", "Spam"),
    ViolationType.HATE_SPEECH: Category(
        "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", "KEYWORD_HATE_SPEECH"
    ),
    ViolationType.HARASSMENT: Category(
        "STATEMENT_CATEGORY_CYBER_VIOLENCE", "KEYWORD_CYBER_HARASSMENT"
    ),
    ViolationType.MISINFORMATION: Category(
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        "KEYWORD_MISINFORMATION_DISINFORMATION",
    ),
    ViolationType.CSAM: Category(
        "STATEMENT_CATEGORY_PROTECTION_OF_MINORS", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"
    ),
    ViolationType.ILLEGAL_SERVICES: Category(
        "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS", "KEYWORD_PROHIBITED_PRODUCTS"
    ),
    ViolationType.DOXXING: Category(
        "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "KEYWORD_OTHER",
        "Publication of somebody's personal data",
    ),
    ViolationType.SELF_HARM_RISK: Category(
        "STATEMENT_CATEGORY_SELF_HARM", "KEYWORD_OTHER", "Risk of self-harm"
    ),
    ViolationType.NONE: Category(
        "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "KEYWORD_OTHER", "Violation not named"
    ),
}

VISIBILITY: Final[Mapping[str, str]] = {
    Action.REMOVE: "DECISION_VISIBILITY_CONTENT_REMOVED",
    Action.BAN_TEMPORARY: "DECISION_VISIBILITY_CONTENT_REMOVED",
    Action.BAN_PERMANENT: "DECISION_VISIBILITY_CONTENT_REMOVED",
    Action.WARN: "DECISION_VISIBILITY_OTHER",
}
WARNING: Final = "A warning to the author; the content stays visible"

ACCOUNT: Final[Mapping[str, str]] = {
    Action.BAN_TEMPORARY: "DECISION_ACCOUNT_SUSPENDED",
    Action.BAN_PERMANENT: "DECISION_ACCOUNT_TERMINATED",
}

LANGUAGE_LETTERS: Final = 2
"""The database takes languages of ISO 639-1 only."""
