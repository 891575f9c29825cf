"""From facts to an outcome: pure, total, and with the whole path kept.

Rules are asked in order; the first that matches decides. A rule whose condition cannot be evaluated
never lets anything pass: people decide, and the path says why. Where no rule matches, an item is
approved, unless nothing was scored, or a category that must be scored was not.
"""

from math import isnan

from ostraka.policy.compiled import CompiledRule, Policy
from ostraka.policy.facts import Facts
from ostraka.policy.outcome import Outcome, UrgencyFacts
from ostraka.policy.parts import LADDER, Rule
from ostraka.policy.path import DEFAULT, NOT_ASSESSED, NOT_SCORED, Step
from ostraka.policy.severity import Severity
from ostraka.taxonomy import Action, ViolationType

__all__ = ["Outcome", "Policy", "Step", "UrgencyFacts", "evaluate"]


def evaluate(policy: Policy, facts: Facts) -> Outcome:
    """What `policy` says of an item with these facts. The same arguments give the same outcome."""
    for compiled in policy.candidates(facts):
        answer = compiled.holds(facts)
        if answer is False:
            continue
        if answer is not True:
            return _failed(policy, facts, compiled.rule, answer)
        if compiled.rule.action is Action.APPROVE:
            return _approved(policy, facts, compiled.rule.name)
        return _decided(policy, facts, compiled)
    return _approved(policy, facts, DEFAULT)


def _decided(policy: Policy, facts: Facts, compiled: CompiledRule) -> Outcome:
    rule, document = compiled.rule, policy.document
    violation, severity = policy.gravest(compiled.fired(facts))
    severity = rule.severity or severity
    number, ban_days = None, rule.ban_days
    if rule.action == LADDER:
        number = policy.ladder_step(severity, facts.author)
        action, ban_days = document.ladder[number].action, document.ladder[number].ban_days
    else:
        action = Action(rule.action)
    weight = document.strikes.weight(action)
    if rule.strike_weight is not None and action is not Action.ESCALATE:
        weight = rule.strike_weight
    return Outcome(
        action=action,
        violation=rule.violation or violation,
        severity=severity,
        rule=rule.name,
        needs_people=rule.people or action is Action.ESCALATE,
        strike_weight=weight,
        ban_days=(ban_days or document.ban_days) if action is Action.BAN_TEMPORARY else None,
        zero_tolerance=rule.zero_tolerance,
        policy=policy,
        facts=facts,
        ladder_step=number,
    )


def _failed(policy: Policy, facts: Facts, rule: Rule, error: str) -> Outcome:
    """People decide what a rule could not, as urgently as if it had matched."""
    return _for_people(
        policy, facts, rule.name, rule.violation, rule.severity or Severity.HIGH, error
    )


def _approved(policy: Policy, facts: Facts, rule: str) -> Outcome:
    """Approval, but never of what nobody assessed."""
    scores = facts.scores
    if not scores or isnan(sum(scores.values())):
        return _for_people(policy, facts, NOT_ASSESSED)
    if not policy.scored(scores).is_complete:
        return _for_people(policy, facts, NOT_SCORED)
    return Outcome(
        action=Action.APPROVE,
        violation=ViolationType.NONE,
        severity=Severity.LOW,
        rule=rule,
        needs_people=False,
        strike_weight=0.0,
        ban_days=None,
        zero_tolerance=False,
        policy=policy,
        facts=facts,
    )


def _for_people(
    policy: Policy,
    facts: Facts,
    rule: str,
    violation: ViolationType | None = None,
    severity: Severity = Severity.MEDIUM,
    error: str = "",
) -> Outcome:
    return Outcome(
        action=Action.ESCALATE,
        violation=violation or ViolationType.NONE,
        severity=severity,
        rule=rule,
        needs_people=True,
        strike_weight=0.0,
        ban_days=None,
        zero_tolerance=False,
        policy=policy,
        facts=facts,
        error=error,
    )
