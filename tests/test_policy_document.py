"""Policy documents: what can be said, and where a fault is."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.errors import PolicyError, PolicyProblem
from ostraka.policy.document import PolicyDocument, parse_policy
from ostraka.policy.places import lines_of
from ostraka.policy.presets import default_policy, default_text

SMALL = """\
name = "small"

[categories.hate]
threshold = 0.8
severity = "high"
violation = "hate_speech"

[[rules]]
name = "hate"
categories = ["hate"]
action = "remove"

[[rules]]
name = "often-reported"
when = "reports.count >= 3 && author.strikes >= 1.0"
action = "escalate"

[[queues]]
name = "general"
"""


def problems(text: str) -> list[PolicyProblem]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert caught.value.code == "invalid_policy"
    return list(caught.value.problems)


def problem(text: str) -> PolicyProblem:
    (only,) = problems(text)
    return only


def changed(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def test_small_document_is_read() -> None:
    document = parse_policy(SMALL)
    assert [rule.name for rule in document.rules] == ["hate", "often-reported"]
    assert document.categories["hate"].threshold == 0.8
    assert document.strikes.lasts_days == 180
    assert document.queues[0].deadline_seconds == 24 * 3600
    assert document.queue("general") is document.queues[0]
    assert document.queue("other") is None
    assert document.guidance_for("spam") == ""


def test_document_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_policy(SMALL).name = "other"


# Faults and their places


def test_no_toml() -> None:
    found = problem("name = 'x'\n[categories\n")
    assert found.line == 2
    assert "no TOML" in found.message


def test_far_too_long() -> None:
    assert "longer" in problem("#" * 600_000).message


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("threshold = 0.8", "treshold = 0.8", ("categories", "hate", "treshold", 4), "'threshold'"),
        ("threshold = 0.8", "threshold = 1.8", ("categories", "hate", "threshold", 4), "1"),
        ("threshold = 0.8", "threshold = '1'", ("categories", "hate", "threshold", 4), "number"),
        ('severity = "high"', 'severity = "big"', ("categories", "hate", "severity", 5), "low"),
        (
            'violation = "hate_speech"',
            'violation = "hate"',
            ("categories", "hate", "violation", 6),
            "hate_speech",
        ),
        ("[categories.hate]", "[categories.hat]", ("categories", "", "hat", 3), "'hate'"),
        ('name = "hate"', 'name = "My rule"', ("rules", "My rule", "name", 9), "pattern"),
        ('name = "hate"', 'name = "default"', ("rules", "default", "name", 9), "kept"),
        ('action = "remove"', 'action = "delete"', ("rules", "hate", "action", 11), "ladder"),
        ('action = "remove"', 'action = "ladder"', ("rules", "hate", "action", 11), "[[ladder]]"),
        ('["hate"]', '["hat"]', ("rules", "hate", "categories", 10), "'hate'"),
        ("author.strikes", "author.strike", ("rules", "often-reported", "when", 15), "strikes"),
        (">= 1.0", ">= 1", ("rules", "often-reported", "when", 15), "2.0"),
        ("reports.count >= 3", "reports.count", ("rules", "often-reported", "when", 15), "int"),
        (">= 1.0", ">=", ("rules", "often-reported", "when", 15), "Syntax"),
        (
            'action = "escalate"',
            'action = "warn"',
            ("rules", "often-reported", "violation", 13),
            "",
        ),
        ('[[queues]]\nname = "general"', "", ("", "", "queues", None), "at least one"),
    ],
)
def test_fault_has_its_place(old: str, new: str, place: tuple, message: str) -> None:
    found = {
        (each.table, each.rule, each.field, each.line): each.message
        for each in problems(changed(old, new))
    }
    assert message in found[place]


def test_every_fault_is_told() -> None:
    text = changed("threshold = 0.8", "threshold = 0.8\ndoubtful = 0.9").replace(
        "reports.count", "report.count"
    )
    found = problems(text)
    assert [each.field for each in found] == ["doubtful", "when"]
    with pytest.raises(PolicyError, match=r"categories 'hate', doubtful, line 5: .*\(and 1 more\)"):
        parse_policy(text)


def test_fault_without_a_name_says_which() -> None:
    found = problem(SMALL + "\n[[rules]]\naction = 'approve'\nwhen = 'sure'\n")
    assert (found.table, found.rule, found.field) == ("rules", "number 3", "name")


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[[ladder]]\naction = 'remove'\nviolations = 1\n", "last step must be without"),
        ("[[ladder]]\naction = 'remove'\n[[ladder]]\naction = 'warn'\n", "only the last step"),
        ("[[ladder]]\naction = 'approve'\n", "never approved"),
        ("[[ladder]]\naction = 'warn'\nban_days = 2\n", "ban_temporary"),
        ("[[queues]]\nname = 'general'\nwhen = 'sure'\n", "another queue"),
        ("[[queues]]\nname = 'other'\n", "only the last queue"),
        ("[[queues]]\nname = 'other'\nwhen = 'sure'\n", "without conditions"),
        ("[guidance]\nhat = 'x'\n", "no violation type"),
        ("[categories.custom-one]\nthreshold=0.5\nseverity='low'\nviolation='spam'\n", "custom"),
        (
            "[categories.spam]\ncustom=true\nthreshold=0.5\nseverity='low'\nviolation='spam'\n",
            "not a custom one",
        ),
        ("[[rules]]\nname = 'hate'\nwhen = 'sure'\naction = 'approve'\n", "another rule"),
        ("[[rules]]\nname = 'x'\naction = 'approve'\n", "needs `categories`"),
        (
            "[[rules]]\nname = 'x'\nwhen = 'sure'\naction = 'remove'\nviolation = 'spam'\n"
            "zero_tolerance = true\n",
            "zero tolerance",
        ),
        (
            "[[rules]]\nname = 'x'\nwhen = 'sure'\naction = 'approve'\nban_days = 3\n",
            "ban_temporary",
        ),
        ("[[rules]]\nname = 'x'\nwhen = 'sure'\naction = 'approve'\npeople = true\n", "nobody"),
        ("[[examples]]\nname = 'x'\naction = 'warn'\nrule = 'hat'\n", "there is no rule 'hat'"),
        ("[[examples]]\nname = 'x'\naction = 'warn'\nqueue = 'y'\n", "there is no queue"),
        ("[[examples]]\nname = 'x'\naction = 'warn'\nscores = { hat = 0.1 }\n", "no category"),
        (
            "[[examples]]\nname = 'x'\naction = 'warn'\ntext = 'a'\nscores = { hate = 0.1 }\n",
            "not both",
        ),
        (
            "[[examples]]\nname = 'x'\naction = 'warn'\nfacts = { author = { strike = 1 } }\n",
            "author.strike",
        ),
        ("[[examples]]\nname = 'x'\naction = 'warn'\nfacts = { scores = {} }\n", "own `scores`"),
    ],
)
def test_parts_that_do_not_go_together(addition: str, message: str) -> None:
    assert any(message in each.message for each in problems(f"{SMALL}\n{addition}"))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("scores.hate > 0.5", "may be absent"),
        ('scores["hate"] > 0.5', "may be absent"),
        ("has(scores.spam) && scores.spam > 0.5", "no [categories] table"),
        ('"hats" in scores', "did you mean 'hate'"),
        ('"hate" in reports.violations', "did you mean 'hate_speech'"),
        ("author.prior_actions.exists(p, p.acton == 'warn')", "did you mean 'action'"),
        ("nothing", "'nothing' is unknown; known: scores"),
        ("item.langage == 'de'", "did you mean 'item.language'"),
        ("outcome.action == 'warn'", "'outcome.action' is unknown"),
    ],
)
def test_names_in_conditions(condition: str, message: str) -> None:
    text = changed("reports.count >= 3", condition.replace('"', '\\"'))
    assert any(message in each.message for each in problems(text)), condition


@pytest.mark.parametrize(
    "condition",
    [
        "has(scores.hate) && scores.hate > 0.5",
        '"hate" in scores && scores["hate"] > 0.5',
        "scores.exists(name, scores[name] > 0.9)",
        "author.prior_actions.exists(p, p.action == 'warn' && p.days_ago < 7.0)",
        '"hate_speech" in reports.violations',
        "has(item.metadata.score) && item.metadata.score > 3",
        "appeal.reason.matches('court')",
    ],
)
def test_conditions_that_are_fine(condition: str) -> None:
    parse_policy(changed("reports.count >= 3", condition.replace('"', '\\"')))


def test_score_may_be_read_bare_where_people_look_without_it() -> None:
    text = changed("reports.count >= 3", "scores.hate > 0.5")
    parse_policy(text.replace('severity = "high"', 'severity = "high"\nunscored = "people"'))


def test_only_queues_know_the_outcome() -> None:
    queue = "[[queues]]\nname = 'hate'\nwhen = 'outcome.violation == \"hate_speech\"'\n"
    parse_policy(changed("[[queues]]", f"{queue}\n[[queues]]"))


def test_lines_are_found() -> None:
    text = (
        'name = "x"\n[a."b/c"]\nk = """\n[no.header]\nno = 1\n"""\nl = 2\n'
        "[[r]]\nx.y = 1\n[r.s]\nz = 1\n[[r]]\nx = 2\n"
    )
    tomllib.loads(text)
    found = lines_of(text)
    assert found["name",] == 1
    assert found["a", "b/c", "l"] == 7
    assert found["r", 0, "x", "y"] == 9
    assert found["r", 0, "s", "z"] == 11
    assert found["r", 1, "x"] == 13
    assert ("no", "header") not in found


# The digest


def test_digest_says_what_the_document_says() -> None:
    digest = parse_policy(SMALL).digest
    assert digest.startswith("sha256:")
    assert parse_policy("# a comment\n" + SMALL.replace(" = ", "=")).digest == digest
    assert parse_policy("grace_seconds = 300\n" + SMALL).digest == digest
    assert parse_policy(changed("0.8", "0.81")).digest != digest
    reordered = changed('threshold = 0.8\nseverity = "high"', 'severity = "high"\nthreshold = 0.8')
    assert parse_policy(reordered).digest == digest


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_digest_is_stable_under_formatting(data: st.DataObject) -> None:
    lines = default_text().splitlines()
    inside, formatted = False, []
    for line in lines:
        if not inside and data.draw(st.booleans()) and not line.startswith((" ", "]")):
            formatted += ["", "# what is said here changes nothing"]
        quotes = line.count('"""')
        formatted.append(line if inside or quotes else f"{line}   ")
        inside ^= quotes == 1
    assert parse_policy("\n".join(formatted)).digest == default_policy().digest


def test_defaults_are_kept_for_ever() -> None:
    # A digest leaves out what is at its default, so a changed default would change what a stored
    # policy means without changing its digest. A new field needs a default that changes nothing.
    document = PolicyDocument(name="x")
    assert (document.grace_seconds, document.ban_days, document.reviewers) == (300, 7, 1)
    assert document.strikes.model_dump() == {
        "warn": 0.5,
        "remove": 1,
        "ban_temporary": 2,
        "ban_permanent": 3,
        "expire_days": 180,
    }
    assert document.appeals.model_dump() == {
        "allowed": True,
        "within_days": 180,
        "reviewers": 1,
        "deadline_hours": 72,
    }
    queue = parse_policy(SMALL).queues[0].model_dump(exclude={"name"})
    assert queue == {
        "violations": (),
        "severity": None,
        "when": "",
        "deadline_hours": 24,
        "reviewers": 1,
        "second_review": 0,
        "golden": 0,
        "description": "",
    }


def test_canonical_form_is_a_document_again() -> None:
    document = default_policy().document
    assert PolicyDocument.model_validate_json(document.canonical).digest == document.digest
