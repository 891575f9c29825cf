"""What policies decide: the ladder case by case, doubts and faults, and how it is told."""

import threading
from typing import Any

import msgspec
import pytest

from ostraka.errors import InvalidInputError
from ostraka.moderator import Moderator
from ostraka.policy.advice import notes_on, untested
from ostraka.policy.evaluation import Policy, evaluate
from ostraka.policy.facts import (
    AppealFacts,
    AuthorFacts,
    Facts,
    ItemFacts,
    PriorAction,
    ReportFacts,
)
from ostraka.policy.presets import default_policy
from ostraka.policy.severity import Severity
from ostraka.policy.testing import ExampleResult, run_examples
from ostraka.taxonomy import Action, ViolationType

DEFAULT = default_policy()
CALM = {"hate": 0.01, "toxicity": 0.02, "spam": 0.01}

QUEUE = '[[queues]]\nname = "general"\n'
HATE = '[categories.hate]\nthreshold = 0.8\nseverity = "high"\nviolation = "hate_speech"\n'


def policy(*parts: str) -> Policy:
    return Policy.parse("\n".join(['name = "test"', *parts, QUEUE]))


def rule(name: str, when: str, action: str = "escalate", more: str = "") -> str:
    return f"[[rules]]\nname = '{name}'\nwhen = '''{when}'''\naction = '{action}'\n{more}"


# The default preset


@pytest.fixture(scope="module")
def results(moderator: Moderator) -> dict[str, ExampleResult]:
    return {each.example.name: each for each in run_examples(DEFAULT, moderator.moderate)}


@pytest.mark.parametrize("name", [each.name for each in DEFAULT.document.examples])
def test_default_policy_passes_its_examples(name: str, results: dict[str, ExampleResult]) -> None:
    assert results[name].passed, results[name].problems


def test_examples_reach_every_rule_and_step() -> None:
    assert untested(DEFAULT.document, run_examples(DEFAULT)) == []


def test_examples_with_text_are_skipped_without_a_classifier() -> None:
    results = run_examples(DEFAULT)
    skipped = [each for each in results if each.skipped]
    assert all(each.example.text for each in skipped)
    assert skipped
    assert not any(each.passed for each in skipped)


@pytest.mark.parametrize(
    ("scores", "author", "action", "days"),
    [
        ({"insult": 0.95}, AuthorFacts(), Action.WARN, None),
        ({"insult": 0.95}, AuthorFacts(violations=1), Action.REMOVE, None),
        ({"spam": 0.95}, AuthorFacts(), Action.REMOVE, None),
        ({"hate": 0.95}, AuthorFacts(violations=1, strikes=1), Action.REMOVE, None),
        ({"hate": 0.95}, AuthorFacts(violations=2, strikes=2), Action.BAN_TEMPORARY, 7),
        ({"harassment/threatening": 0.95}, AuthorFacts(), Action.BAN_TEMPORARY, 30),
        ({"insult": 0.95}, AuthorFacts(violations=4, strikes=0), Action.REMOVE, None),
        ({"insult": 0.95}, AuthorFacts(violations=5, strikes=0), Action.BAN_PERMANENT, None),
        ({"doxxing": 0.95}, AuthorFacts(), Action.BAN_PERMANENT, None),
        (CALM, AuthorFacts(violations=9, strikes=9), Action.APPROVE, None),
    ],
)
def test_ladder(
    scores: dict[str, float], author: AuthorFacts, action: Action, days: float | None
) -> None:
    outcome = evaluate(DEFAULT, Facts(scores=scores, author=author))
    assert (outcome.action, outcome.ban_days) == (action, days)


def test_outcome_says_what_follows() -> None:
    facts = Facts(scores={"hate": 0.95}, item=ItemFacts(reach=500), reports=ReportFacts(2))
    outcome = evaluate(DEFAULT, facts)
    assert outcome.violation is ViolationType.HATE_SPEECH
    assert outcome.severity is Severity.HIGH
    assert outcome.strike_weight == 1
    assert not outcome.needs_people
    assert outcome.queue == "general"
    urgency = outcome.urgency
    assert (urgency.severity, urgency.reach, urgency.reports) == (Severity.HIGH, 500, 2)
    assert 0.8 < urgency.doubt < 1
    assert "hate scores 0.95, which reaches 0.88".capitalize() in outcome.why
    assert "Step 4 of the ladder" in outcome.why


def test_zero_tolerance_acts_and_asks() -> None:
    outcome = evaluate(DEFAULT, Facts(scores={"sexual/minors": 0.95}))
    assert outcome.zero_tolerance
    assert outcome.needs_people
    assert outcome.queue == "zero-tolerance"
    assert outcome.strike_weight == 3


def test_approval_says_what_nobody_looked_for() -> None:
    assert "Nobody scored sexual/minors, doxxing" in evaluate(DEFAULT, Facts(scores=CALM)).why
    seen = CALM | {"sexual/minors": 0.01, "doxxing": 0.0, "personal-data-sale": 0.0}
    outcome = evaluate(DEFAULT, Facts(scores=seen))
    assert outcome.action is Action.APPROVE
    assert outcome.why == "No rule speaks against it."


def test_path_has_every_rule_facts_and_thresholds() -> None:
    outcome = evaluate(DEFAULT, Facts(scores={"hate": 0.95}, author=AuthorFacts(violations=1)))
    path = {step.rule: step for step in outcome.path}
    assert list(path)[-2:] == ["clear", "ladder"]
    assert not path["serious"].matched
    assert path["clear"].matched
    assert path["clear"].facts["scores.hate"] == 0.95
    assert path["clear"].facts["scores.spam"] is None
    assert path["clear"].facts["sure"] is True
    assert path["clear"].thresholds["hate"] == 0.88
    assert path["clear"].condition == "sure"
    assert path["ladder"].facts["author.violations"] == 1
    assert "step 4" in path["ladder"].note
    names = [each.name for each in DEFAULT.document.rules]
    approved = evaluate(DEFAULT, Facts(scores=CALM))
    assert [step.rule for step in approved.path] == [*names, "default"]
    assert msgspec.json.decode(msgspec.json.encode(outcome.as_dict())) == outcome.as_dict()


# Doubts and faults


@pytest.mark.parametrize("scores", [{}, {"hate": float("nan")}, {"spam": 0.1, "x": float("nan")}])
def test_what_was_not_assessed_is_not_approved(scores: dict[str, float]) -> None:
    outcome = evaluate(DEFAULT, Facts(scores=scores))
    assert (outcome.action, outcome.rule) == (Action.ESCALATE, "not-assessed")
    assert outcome.needs_people
    trusting = policy(HATE, rule("trusted", "true", "approve"))
    assert evaluate(trusting, Facts(scores=scores)).action is Action.ESCALATE


def test_category_that_must_be_scored() -> None:
    strict = policy(HATE + 'unscored = "people"\n')
    outcome = evaluate(strict, Facts(scores={"spam": 0.1}))
    assert (outcome.action, outcome.rule) == (Action.ESCALATE, "not-scored")
    assert "hate" in outcome.why
    assert evaluate(strict, Facts(scores={"hate": 0.1})).action is Action.APPROVE


@pytest.mark.parametrize(
    "when",
    [
        "item.metadata.missing == 1",
        "item.metadata.text > 5",
        "1 / text_length > 0",
        "scores.all(a, scores.all(b, author.prior_actions.all(c, author.prior_actions.all(d, "
        "author.prior_actions.all(e, c.days_ago + d.days_ago + e.days_ago > 0.0)))))",
    ],
)
@pytest.mark.parametrize("action", ["approve", "escalate"])
def test_rule_that_cannot_be_evaluated_asks_people(when: str, action: str) -> None:
    broken = policy(HATE, rule("broken", when, action), rule("later", "true", "approve"))
    facts = Facts(
        scores=CALM,
        item=ItemFacts(metadata={"text": "x"}),
        author=AuthorFacts(prior_actions=(PriorAction("warn", "spam", 1.0),) * 60),
    )
    outcome = evaluate(broken, facts)
    assert (outcome.action, outcome.rule) == (Action.ESCALATE, "broken")
    assert outcome.needs_people
    assert "could not be evaluated" in outcome.why
    last = outcome.path[-1]
    assert not last.matched
    assert last.error
    assert last.error in outcome.why


@pytest.mark.parametrize("levels", [40, 100_000])
def test_deep_metadata_asks_people(levels: int) -> None:
    metadata: dict[str, Any] = {}
    for _ in range(levels):
        metadata = {"hash_match": metadata}
    outcome = evaluate(DEFAULT, Facts(scores=CALM, item=ItemFacts(metadata=metadata)))
    assert outcome.action is Action.ESCALATE
    assert "levels deep" in outcome.error
    assert outcome.as_dict()["path"][-1]["facts"]


def test_queue_that_cannot_be_evaluated_is_passed_over() -> None:
    odd = "[[queues]]\nname = 'odd'\nwhen = 'item.metadata.missing == 1'\n"
    routed = policy(HATE, rule("all", "true"), odd)
    outcome = evaluate(routed, Facts(scores=CALM))
    assert outcome.queue == "general"
    assert outcome.path[-1].rule == "queue odd"
    assert outcome.path[-1].error


def test_queues_are_chosen_by_violation_severity_and_condition() -> None:
    queues = (
        "[[queues]]\nname = 'hate'\nviolations = ['hate_speech']\nseverity = 'critical'\n"
        "[[queues]]\nname = 'seen'\nwhen = 'item.reach > 10 && outcome.severity == \"high\"'\n"
    )
    hateful = "[[rules]]\nname = 'hate'\ncategories = ['hate']\naction = 'remove'\n"
    grave = policy(HATE.replace("high", "critical"), hateful, queues)
    usual = policy(HATE, hateful, queues)
    facts = Facts(scores={"hate": 0.9})
    assert evaluate(grave, facts).queue == "hate"
    assert evaluate(usual, facts).queue == "general"
    assert evaluate(usual, Facts(scores={"hate": 0.9}, item=ItemFacts(reach=11))).queue == "seen"


def test_first_rule_that_matches_decides() -> None:
    one, other = rule("one", "true", "remove", "violation = 'spam'"), rule("other", "true")
    assert evaluate(policy(HATE, one, other), Facts(scores=CALM)).rule == "one"
    assert evaluate(policy(HATE, other, one), Facts(scores=CALM)).rule == "other"


def test_rule_overrides_weight_severity_and_days() -> None:
    more = "violation = 'spam'\nseverity = 'low'\nstrike_weight = 0.25\nban_days = 2\npeople = true"
    outcome = evaluate(policy(rule("x", "sure", "ban_temporary", more)), Facts(scores=CALM))
    assert (outcome.strike_weight, outcome.ban_days) == (0.25, 2)
    assert outcome.severity is Severity.LOW
    assert outcome.needs_people
    assert evaluate(policy(rule("x", "sure")), Facts(scores=CALM)).strike_weight == 0


def test_conditions_see_every_fact() -> None:
    facts = Facts(
        scores={"hate": 0.5},
        text_length=12,
        sure=False,
        stage="llm",
        author=AuthorFacts(
            strikes=1.5,
            violations=2,
            prior_actions=(PriorAction("warn", "spam", 3.5),),
            banned=True,
            age_days=10,
            known=True,
        ),
        item=ItemFacts("de", "forum", 100, True, {"a": {"b": [1, None, "c"]}}),
        reports=ReportFacts(2, {"spam": 2}),
        appeal=AppealFacts("because", True),
    )
    conditions = [
        "scores.exists(c, scores[c] == 0.5) && text_length == 12 && !sure && stage == 'llm'",
        "author.known && author.strikes == 1.5 && author.violations == 2 && author.banned",
        "author.age_known && author.age_days == 10.0 && author.days_since_last_action == 3.5",
        "author.prior_actions.exists(p, p.action == 'warn' && p.violation == 'spam')",
        "item.language == 'de' && item.source == 'forum' && item.reach == 100",
        "item.has_parent && item.metadata.a.b[2] == 'c'",
        "thread.items == 0 && thread.violations == 0",
        "reports.count == 2 && reports.violations.spam == 2",
        "appeal.open && appeal.reason == 'because' && appeal.evidence == 'plausible'",
    ]
    for condition in conditions:
        outcome = evaluate(policy(rule("x", condition, "approve")), facts)
        assert outcome.rule == "x", (condition, outcome.why)
    unknown = "!author.age_known && author.age_days == -1.0 && appeal.evidence == 'none'"
    assert evaluate(policy(rule("x", unknown, "approve")), Facts(scores=CALM)).rule == "x"


def test_remembered_answers_are_those_of_their_values() -> None:
    counted = policy(rule("x", "author.violations >= 3 && author.strikes > 1.0"))
    for _ in range(2):
        for violations in range(6):
            for strikes in (0.5, 1.5):
                author = AuthorFacts(violations=violations, strikes=strikes)
                outcome = evaluate(counted, Facts(scores=CALM, author=author))
                assert (outcome.rule == "x") == (violations >= 3 and strikes > 1)


def test_threads_share_a_policy() -> None:
    shared = policy(rule("x", "item.reach % 2 == 0", "remove", "violation = 'spam'"))
    wrong = []

    def work(start: int) -> None:
        for reach in range(start, start + 6000):
            action = evaluate(shared, Facts(scores=CALM, item=ItemFacts(reach=reach))).action
            if (action is Action.REMOVE) != (reach % 2 == 0):
                wrong.append(reach)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Facts and advice


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"scors": {}}, "scors"),
        ({"author": {"strike": 1}}, "author.strike"),
        ({"scores": {"hate": 2}}, "scores"),
        ({"author": None}, "author"),
        ({"reports": {"count": -1}}, "reports.count"),
        ({"sure": 1}, "sure"),
        ({"author": {"prior_actions": [{"action": "warn"}]}}, "author.prior_actions[0]"),
    ],
)
def test_facts_that_cannot_be(data: dict, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Facts.from_dict(data)
    assert caught.value.field == field


def test_notes_name_gaps() -> None:
    (note,) = notes_on(DEFAULT.document, ["hate", "spam"])
    assert "does not score" in note
    gaps = notes_on(policy(HATE).document, ["hate"])
    assert any("No rule looks at hate" in each for each in gaps)
    assert any("no guidance for people on hate_speech" in each for each in gaps)
