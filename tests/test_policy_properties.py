"""What holds of every evaluation, on facts that hypothesis makes up."""

import json

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ostraka.policy.evaluation import Policy, evaluate
from ostraka.policy.facts import (
    AppealFacts,
    AuthorFacts,
    Facts,
    ItemFacts,
    PriorAction,
    ReportFacts,
    ThreadFacts,
)
from ostraka.policy.presets import default_policy
from ostraka.policy.severity import Severity
from ostraka.taxonomy import Action, ViolationType

DEFAULT = default_policy()
CRISIS = ("self-harm", "self-harm/intent", "self-harm/instructions")
TAKES_DOWN = (Action.REMOVE, Action.BAN_TEMPORARY, Action.BAN_PERMANENT)

# Facts are large values: few of them take long enough to draw, and no test may mind a busy machine.
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

counts = st.integers(0, 10**12)
amounts = st.floats(0, 1e9)
probabilities = st.floats(0, 1)
texts = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
categories = st.sampled_from([*DEFAULT.document.categories, "unheard-of"])
scores = st.dictionaries(categories, probabilities, max_size=8)
prior_actions = st.builds(
    PriorAction, st.sampled_from(Action), st.sampled_from(ViolationType), amounts
)
facts = st.builds(
    Facts,
    scores=scores,
    text_length=counts,
    sure=st.booleans(),
    stage=texts,
    author=st.builds(
        AuthorFacts,
        strikes=amounts,
        violations=counts,
        prior_actions=st.lists(prior_actions, max_size=4).map(tuple),
        banned=st.booleans(),
        age_days=st.none() | amounts,
        known=st.booleans(),
    ),
    item=st.builds(
        ItemFacts,
        texts,
        texts,
        counts,
        st.booleans(),
        st.dictionaries(texts, json_values, max_size=2),
    ),
    thread=st.builds(ThreadFacts, counts, counts),
    reports=st.builds(
        ReportFacts, counts, st.dictionaries(st.sampled_from(ViolationType), counts, max_size=3)
    ),
    appeal=st.none() | st.builds(AppealFacts, texts, st.none() | st.booleans()),
)


@FEW
@given(facts)
def test_everything_has_an_outcome(given_facts: Facts) -> None:
    outcome = evaluate(DEFAULT, given_facts)
    assert outcome.action in Action
    assert outcome.violation in ViolationType
    assert outcome.severity in Severity
    assert outcome.why
    assert DEFAULT.document.queue(outcome.queue) is not None
    assert 0 <= outcome.urgency.doubt <= 1
    assert outcome.needs_people or outcome.action is not Action.ESCALATE
    assert (outcome.ban_days is not None) == (outcome.action is Action.BAN_TEMPORARY)
    decisive = [step for step in outcome.path if step.rule == outcome.rule]
    assert len(decisive) == 1
    assert decisive[0].matched or decisive[0].error
    json.dumps(outcome.as_dict())


@FEW
@given(facts)
def test_same_facts_same_outcome(given_facts: Facts) -> None:
    fresh = Policy(DEFAULT.document)
    assert evaluate(DEFAULT, given_facts) == evaluate(fresh, given_facts)
    assert evaluate(DEFAULT, given_facts).path == evaluate(fresh, given_facts).path


@FEW
@given(facts)
def test_facts_survive_json(given_facts: Facts) -> None:
    written = given_facts.as_dict()
    assert Facts.from_dict(written) == given_facts
    assert Facts.from_json(json.dumps(written)) == given_facts


@FEW
@given(facts, categories, probabilities)
def test_a_higher_score_never_frees(given_facts: Facts, category: str, score: float) -> None:
    assume(score >= given_facts.scores.get(category, 0.0))
    raised = msgspec.structs.replace(given_facts, scores={**given_facts.scores, category: score})
    before, after = evaluate(DEFAULT, given_facts), evaluate(DEFAULT, raised)
    if before.action is not Action.APPROVE and given_facts.scores:
        assert after.action is not Action.APPROVE
    if before.zero_tolerance:
        assert after.action not in (Action.WARN, Action.REMOVE)


@FEW
@given(facts, st.sampled_from(CRISIS), st.floats(0.5, 1))
def test_a_crisis_is_never_taken_down(given_facts: Facts, category: str, score: float) -> None:
    scored = msgspec.structs.replace(given_facts, scores={**given_facts.scores, category: score})
    outcome = evaluate(DEFAULT, scored)
    assert outcome.action is Action.ESCALATE
    assert outcome.queue == "crisis"
    assert outcome.severity is Severity.CRITICAL


@FEW
@given(facts)
def test_nothing_is_taken_down_while_an_appeal_is_open(given_facts: Facts) -> None:
    appeal = AppealFacts("I quoted it", True)
    outcome = evaluate(DEFAULT, msgspec.structs.replace(given_facts, appeal=appeal))
    assert outcome.action is Action.ESCALATE


@FEW
@given(facts)
def test_more_violations_never_make_it_milder(given_facts: Facts) -> None:
    order = [Action.APPROVE, Action.WARN, Action.REMOVE, Action.BAN_TEMPORARY, Action.BAN_PERMANENT]
    author = msgspec.structs.replace(
        given_facts.author, violations=given_facts.author.violations + 1
    )
    before = evaluate(DEFAULT, given_facts).action
    after = evaluate(DEFAULT, msgspec.structs.replace(given_facts, author=author)).action
    if Action.ESCALATE in (before, after):
        assert before == after
    else:
        assert order.index(after) >= order.index(before)


@FEW
@given(facts)
def test_what_nobody_scored_is_never_approved(given_facts: Facts) -> None:
    outcome = evaluate(DEFAULT, msgspec.structs.replace(given_facts, scores={}))
    assert outcome.action is not Action.APPROVE
    assert outcome.action not in TAKES_DOWN or outcome.rule == "known-child-abuse-material"


@FEW
@given(facts, st.sampled_from(["text_length / 0 == 1", "item.metadata.missing == 1", "sure"]))
def test_any_rule_leaves_a_total_policy(given_facts: Facts, condition: str) -> None:
    text = f'name = "x"\n[[rules]]\nname = "r"\nwhen = "{condition}"\naction = "approve"\n'
    policy = Policy.parse(text + '[[queues]]\nname = "q"\n')
    outcome = evaluate(policy, given_facts)
    if condition != "sure" and "missing" not in given_facts.item.metadata:
        assert outcome.action is Action.ESCALATE
        assert outcome.error
