"""The demo's policies: the one that ships with more second looks, and two drafts of it."""

from collections.abc import Mapping
from typing import Final

from ostraka.policy.presets import default_text

_COMMUNITY: Final = {
    'name = "default"': 'name = "community"',
    "second_review = 0.05\ngolden = 0.02": "second_review = 0.7\ngolden = 0.3",
}
_SURER: Final = {
    'name = "default"': 'name = "community, surer on spam"',
    'doubtful = 0.5\nthreshold = 0.9\nseverity = "medium"\nviolation = "spam"': (
        'doubtful = 0.5\nthreshold = 0.8\nseverity = "medium"\nviolation = "spam"'
    ),
    "doubtful = 0.85\nthreshold = 0.95\n": "doubtful = 0.5\nthreshold = 0.95\n",
    "reports.count >= 3": "reports.count >= 2",
    "deadline_hours = 24\n": "deadline_hours = 12\n",
    """[[rules]]
name = "unsure"
when = "!sure"
action = "escalate"
explanation = "The last assessor was in doubt."

""": "",
    """[[examples]]
name = "an assessor's doubt alone is ambiguous"
scores = { hate = 0.3, toxicity = 0.4 }
facts = { sure = false }
action = "escalate"
rule = "unsure"

""": "",
}
_CALMER: Final = {
    'name = "default"': 'name = "community, calmer on rudeness"',
    "doubtful = 0.85\nthreshold = 0.95\n": "doubtful = 0.93\nthreshold = 0.98\n",
}


def community_text() -> str:
    """The policy that acts: the default with more second reviews and golden cases."""
    return _changed(default_text(), _COMMUNITY)


def surer_text() -> str:
    """A draft that removes spam sooner, and shows people fewer texts that are merely unclear."""
    return _changed(default_text(), {**_SURER, **_only_queue()})


def calmer_text() -> str:
    """A draft that leaves more rudeness alone; it runs in shadow."""
    return _changed(default_text(), {**_CALMER, **_only_queue()})


def _only_queue() -> Mapping[str, str]:
    return {old: new for old, new in _COMMUNITY.items() if old.startswith("second_review")}


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"the default policy no longer says {old!r}")
        text = text.replace(old, new, 1)
    return text
