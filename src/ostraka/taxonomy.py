"""Categories, actions and violation types, and the views between vocabularies.

There is one list of categories. Every vocabulary that Ostraka speaks (OpenAI's names, Mistral's,
Perspective's attributes, the columns of civil_comments, the environment's violation types) is a
*view*: a mapping from the foreign name to the categories whose highest score answers for it. A
foreign name that maps to nothing has no counterpart here; a model that was not trained to see a
category declares it *not modelled*, and no door invents a number for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Category(StrEnum):
    """What can be wrong with an item. The first thirteen are OpenAI's, meaning and name alike."""

    HARASSMENT = "harassment"
    HARASSMENT_THREATENING = "harassment/threatening"
    HATE = "hate"
    HATE_THREATENING = "hate/threatening"
    ILLICIT = "illicit"
    ILLICIT_VIOLENT = "illicit/violent"
    SELF_HARM = "self-harm"
    SELF_HARM_INTENT = "self-harm/intent"
    SELF_HARM_INSTRUCTIONS = "self-harm/instructions"
    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual/minors"
    VIOLENCE = "violence"
    VIOLENCE_GRAPHIC = "violence/graphic"
    TOXICITY = "toxicity"
    SEVERE_TOXICITY = "severe_toxicity"
    INSULT = "insult"
    PROFANITY = "profanity"
    SPAM = "spam"


DESCRIPTIONS: Final[Mapping[Category, str]] = MappingProxyType(
    {
        Category.HARASSMENT: "Demeaning or bullying language towards any target.",
        Category.HARASSMENT_THREATENING: "Harassment with violence or serious harm to the target.",
        Category.HATE: "Attacks people for a protected trait such as race, religion or gender.",
        Category.HATE_THREATENING: "Hate with violence or serious harm to the targeted group.",
        Category.ILLICIT: "Asks for or gives advice on wrongdoing.",
        Category.ILLICIT_VIOLENT: "Wrongdoing that includes violence or getting a weapon.",
        Category.SELF_HARM: "Promotes, encourages or depicts acts of self-harm.",
        Category.SELF_HARM_INTENT: "The speaker is, or intends to be, engaged in self-harm.",
        Category.SELF_HARM_INSTRUCTIONS: "Tells how to commit self-harm.",
        Category.SEXUAL: "Meant to arouse, or sells sexual services; not education.",
        Category.SEXUAL_MINORS: "Sexual content that involves anyone under 18.",
        Category.VIOLENCE: "Depicts or promotes death, violence or physical injury.",
        Category.VIOLENCE_GRAPHIC: "Depicts death or injury in graphic detail.",
        Category.TOXICITY: "Rude, disrespectful or likely to make people leave a discussion.",
        Category.SEVERE_TOXICITY: "Very hateful, aggressive or disrespectful.",
        Category.INSULT: "Insulting, inflammatory or negative towards a person or group.",
        Category.PROFANITY: "Swear words, curse words or other obscene language.",
        Category.SPAM: "Unsolicited bulk or commercial content.",
    }
)


class Action(StrEnum):
    """What a policy may call for, from the mildest to the one that hands the item to people."""

    APPROVE = "approve"
    WARN = "warn"
    REMOVE = "remove"
    BAN_TEMPORARY = "ban_temporary"
    BAN_PERMANENT = "ban_permanent"
    ESCALATE = "escalate"


class ViolationType(StrEnum):
    """The violation types of the moderation-queue environment."""

    SPAM = "spam"
    HATE_SPEECH = "hate_speech"
    HARASSMENT = "harassment"
    MISINFORMATION = "misinformation"
    CSAM = "csam"
    ILLEGAL_SERVICES = "illegal_services"
    DOXXING = "doxxing"
    SELF_HARM_RISK = "self_harm_risk"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class View:
    """A foreign vocabulary: each of its names with the categories that answer for it.

    A name with no categories exists in the vocabulary but has no counterpart in ours.
    """

    name: str
    mapping: Mapping[str, tuple[Category, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the vocabulary, in the vendor's order."""
        return tuple(self.mapping)

    def modelled(self, categories: Sequence[Category]) -> frozenset[str]:
        """The names that a model which sees `categories` can answer for."""
        seen = set(categories)
        return frozenset(name for name, parts in self.mapping.items() if seen.intersection(parts))

    def scores(self, scores: Mapping[Category, float]) -> dict[str, float]:
        """The score of each name that `scores` can answer for: the highest of its categories."""
        answered = {}
        for name, parts in self.mapping.items():
            known = [scores[part] for part in parts if part in scores]
            if known:
                answered[name] = max(known)
        return answered

    def flags(self, flags: Mapping[Category, bool]) -> dict[str, bool]:
        """The flag of each name that `flags` can answer for: true if any of its categories is."""
        answered = {}
        for name, parts in self.mapping.items():
            known = [flags[part] for part in parts if part in flags]
            if known:
                answered[name] = any(known)
        return answered


def _view(name: str, mapping: dict[str, tuple[Category, ...]]) -> View:
    return View(name, MappingProxyType(mapping))


_OPENAI_ORDER: Final = (
    Category.HARASSMENT,
    Category.HARASSMENT_THREATENING,
    Category.HATE,
    Category.HATE_THREATENING,
    Category.ILLICIT,
    Category.ILLICIT_VIOLENT,
    Category.SELF_HARM,
    Category.SELF_HARM_INTENT,
    Category.SELF_HARM_INSTRUCTIONS,
    Category.SEXUAL,
    Category.SEXUAL_MINORS,
    Category.VIOLENCE,
    Category.VIOLENCE_GRAPHIC,
)

OPENAI: Final = _view("openai", {str(c): (c,) for c in _OPENAI_ORDER})
"""`omni-moderation-*`: thirteen names."""

OPENAI_LEGACY: Final = _view(
    "openai-legacy",
    {str(c): (c,) for c in _OPENAI_ORDER if not c.startswith("illicit")},
)
"""`text-moderation-*`: the eleven names from before `illicit`."""

_MISTRAL_COMMON: Final[dict[str, tuple[Category, ...]]] = {
    "sexual": (Category.SEXUAL, Category.SEXUAL_MINORS),
    "hate_and_discrimination": (Category.HATE, Category.HATE_THREATENING),
    "violence_and_threats": (
        Category.VIOLENCE,
        Category.VIOLENCE_GRAPHIC,
        Category.HARASSMENT_THREATENING,
        Category.HATE_THREATENING,
    ),
}
_MISTRAL_UNCOVERED: Final[dict[str, tuple[Category, ...]]] = {
    "health": (),
    "financial": (),
    "law": (),
    "pii": (),
}
_SELF_HARM: Final = (
    Category.SELF_HARM,
    Category.SELF_HARM_INTENT,
    Category.SELF_HARM_INSTRUCTIONS,
)

MISTRAL_2411: Final = _view(
    "mistral-2411",
    _MISTRAL_COMMON
    | {
        "dangerous_and_criminal_content": (Category.ILLICIT, Category.ILLICIT_VIOLENT),
        "selfharm": _SELF_HARM,
    }
    | _MISTRAL_UNCOVERED,
)
"""`mistral-moderation-2411`: nine names."""

MISTRAL_2603: Final = _view(
    "mistral-2603",
    _MISTRAL_COMMON
    | {
        "dangerous": (Category.ILLICIT_VIOLENT,),
        "criminal": (Category.ILLICIT,),
        "selfharm": _SELF_HARM,
    }
    | _MISTRAL_UNCOVERED
    | {"jailbreaking": ()},
)
"""`mistral-moderation-2603`: eleven names."""

_PERSPECTIVE_STABLE: Final[dict[str, tuple[Category, ...]]] = {
    "TOXICITY": (Category.TOXICITY,),
    "SEVERE_TOXICITY": (Category.SEVERE_TOXICITY,),
    "IDENTITY_ATTACK": (Category.HATE,),
    "INSULT": (Category.INSULT,),
    "PROFANITY": (Category.PROFANITY,),
    "THREAT": (Category.HARASSMENT_THREATENING,),
}

PERSPECTIVE: Final = _view(
    "perspective",
    _PERSPECTIVE_STABLE
    | {f"{name}_EXPERIMENTAL": parts for name, parts in _PERSPECTIVE_STABLE.items()}
    | {
        "TOXICITY_FAST": (Category.TOXICITY,),
        "SEXUALLY_EXPLICIT": (Category.SEXUAL,),
        "OBSCENE": (Category.PROFANITY,),
        "SPAM": (Category.SPAM,),
        "FLIRTATION": (),
        "ATTACK_ON_AUTHOR": (),
        "ATTACK_ON_COMMENTER": (),
        "INCOHERENT": (),
        "INFLAMMATORY": (),
        "LIKELY_TO_REJECT": (),
        "UNSUBSTANTIAL": (),
    },
)
"""Perspective's attributes, the experimental twins as aliases of the stable ones."""

CIVIL_COMMENTS: Final = _view(
    "civil_comments",
    {
        "toxicity": (Category.TOXICITY,),
        "severe_toxicity": (Category.SEVERE_TOXICITY,),
        "obscene": (Category.PROFANITY,),
        "threat": (Category.HARASSMENT_THREATENING,),
        "insult": (Category.INSULT,),
        "identity_attack": (Category.HATE,),
        "sexual_explicit": (Category.SEXUAL,),
    },
)
"""The label columns of the public civil_comments data set."""

AZURE: Final = _view(
    "azure",
    {
        "Hate": (Category.HATE, Category.HATE_THREATENING),
        "SelfHarm": _SELF_HARM,
        "Sexual": (Category.SEXUAL, Category.SEXUAL_MINORS),
        "Violence": (Category.VIOLENCE, Category.VIOLENCE_GRAPHIC),
    },
)
"""Azure AI Content Safety's four categories."""

VIOLATION_TYPES: Final = _view(
    "violation_types",
    {
        ViolationType.SPAM: (Category.SPAM,),
        ViolationType.HATE_SPEECH: (Category.HATE, Category.HATE_THREATENING),
        ViolationType.HARASSMENT: (
            Category.HARASSMENT,
            Category.HARASSMENT_THREATENING,
            Category.INSULT,
        ),
        ViolationType.MISINFORMATION: (),
        ViolationType.CSAM: (Category.SEXUAL_MINORS,),
        ViolationType.ILLEGAL_SERVICES: (Category.ILLICIT, Category.ILLICIT_VIOLENT),
        ViolationType.DOXXING: (),
        ViolationType.SELF_HARM_RISK: _SELF_HARM,
        ViolationType.NONE: (),
    },
)
"""The environment's violation types."""

VIEWS: Final[Mapping[str, View]] = MappingProxyType(
    {
        view.name: view
        for view in (
            OPENAI,
            OPENAI_LEGACY,
            MISTRAL_2411,
            MISTRAL_2603,
            PERSPECTIVE,
            CIVIL_COMMENTS,
            AZURE,
            VIOLATION_TYPES,
        )
    }
)
