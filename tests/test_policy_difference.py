"""What changed between two policies, as sentences."""

import pytest

from ostraka.policy.difference import diff
from ostraka.policy.document import parse_policy
from ostraka.policy.presets import default_text

BASE = """\
name = "base"

[categories.hate]
doubtful = 0.6
threshold = 0.8
severity = "high"
violation = "hate_speech"

[[rules]]
name = "first"
when = "sure"
action = "approve"

[[rules]]
name = "second"
categories = ["hate"]
action = "ladder"

[[rules]]
name = "third"
when = "reports.count >= 3"
action = "escalate"

[[ladder]]
action = "ban_permanent"
violations = 5

[[ladder]]
action = "remove"

[[queues]]
name = "general"

[guidance]
hate_speech = "Be fair."

[[examples]]
name = "safe"
scores = { hate = 0.1 }
action = "approve"
"""
RULES = BASE[BASE.index("[[rules]]") : BASE.index("[[ladder]]")]
FIRST, SECOND, THIRD = ("[[rules]]" + part for part in RULES.split("[[rules]]")[1:])


def sentences(old: str, new: str) -> list[str]:
    return [each.sentence for each in diff(parse_policy(old), parse_policy(new))]


def changed(old: str, new: str) -> list[str]:
    assert old in BASE
    return sentences(BASE, BASE.replace(old, new, 1))


def test_same_policies_differ_in_nothing() -> None:
    assert sentences(default_text(), "# again\n" + default_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "threshold = 0.8",
            "threshold = 0.75",
            "The mark 'threshold' of hate falls from 0.8 to 0.75: more of it is a violation.",
        ),
        (
            "doubtful = 0.6",
            "doubtful = 0.65",
            "The mark 'doubtful' of hate rises from 0.6 to 0.65: less of it is a case for people.",
        ),
        ("doubtful = 0.6\n", "", "Category hate changes: `doubtful` from 0.6 to nothing."),
        (
            'severity = "high"',
            'severity = "critical"',
            "Category hate changes: `severity` from high to critical.",
        ),
        (
            "reports.count >= 3",
            "reports.count >= 4",
            "Rule 'third' changes: `when` from `reports.count >= 3` to `reports.count >= 4`.",
        ),
        (THIRD, "", "Rule 'third' is gone."),
        (
            THIRD,
            THIRD + THIRD.replace("third", "fourth"),
            "Rule 'fourth' is new, at place 4: if `reports.count >= 3`, people decide.",
        ),
        (FIRST + SECOND, SECOND + FIRST, "Rule 'second' moves from place 2 to place 1."),
        (
            "violations = 5",
            "violations = 4",
            "Step 1 of the ladder changes from (5 or more violations before: it is removed and its "
            "author is banned for good) to (4 or more violations before: it is removed and its "
            "author is banned for good).",
        ),
        (
            '[[ladder]]\naction = "ban_permanent"\nviolations = 5\n',
            "",
            "The ladder loses step 1: 5 or more violations before: it is removed and its author is "
            "banned for good.",
        ),
        (
            '[[ladder]]\naction = "remove"',
            '[[ladder]]\naction = "warn"\nseverity = "low"\n[[ladder]]\naction = "remove"',
            "The ladder gains step 2: severity low or graver: its author is warned.",
        ),
        (
            'name = "general"',
            'name = "general"\ndeadline_hours = 12',
            "Queue 'general' changes: `deadline_hours` from 24 to 12.",
        ),
        ("Be fair.", "Be kind.", "The guidance on hate_speech changes."),
        (
            '[guidance]\nhate_speech = "Be fair."',
            "[strikes]\nremove = 2\n[appeals]\nallowed = false",
            "A strike changes: `remove` from 1 to 2.",
        ),
        (
            "hate = 0.1 }",
            "hate = 0.2 }",
            "Example 'safe' changes: `scores` from `{'hate': 0.1}` to `{'hate': 0.2}`.",
        ),
        ('name = "safe"', 'name = "calm"', "Example 'calm' is new: it expects approve."),
        (
            'name = "base"',
            'name = "base"\ngrace_seconds = 60',
            "The time to undo a decision, in seconds, changes from 300 to 60.",
        ),
    ],
)
def test_change_is_a_sentence(old: str, new: str, sentence: str) -> None:
    assert sentence in changed(old, new)


def test_new_rule_moves_no_other() -> None:
    new = FIRST.replace("first", "zeroth")
    assert len(changed(FIRST, new + FIRST)) == 1


def test_changes_say_where() -> None:
    text = BASE.replace("threshold = 0.8", "threshold = 0.7")
    (change,) = diff(parse_policy(BASE), parse_policy(text))
    assert (change.table, change.entry) == ("categories", "hate")
    assert str(change) == change.sentence
