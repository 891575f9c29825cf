"""What changed between two policies, in sentences that a person can read before it acts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from ostraka.policy.document import PolicyDocument
from ostraka.policy.parts import CategoryPolicy, LadderStep, Part, Queue, Rule
from ostraka.policy.words import NAMES_OF_ACTIONS, rule_words, sentence, step_words


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the table, the entry in it (if it has a name), and the sentence."""

    table: str
    entry: str
    sentence: str

    def __str__(self) -> str:
        """The sentence."""
        return self.sentence


def diff(old: PolicyDocument, new: PolicyDocument) -> list[Change]:
    """Everything that differs, in the order of the document; empty if they say the same."""
    changes = [
        *_general(old, new),
        *_categories(old.categories, new.categories),
        *_rules(old.rules, new.rules),
        *_ladder(old.ladder, new.ladder),
        *_table("strikes", old.strikes, new.strikes, "A strike"),
        *_table("appeals", old.appeals, new.appeals, "Appeals"),
        *_queues(old.queues, new.queues),
        *_guidance(old.guidance, new.guidance),
        *_examples(old, new),
    ]
    return changes


_GENERAL: Final[Mapping[str, str]] = {
    "name": "The policy's name",
    "description": "The policy's description",
    "grace_seconds": "The time to undo a decision, in seconds,",
    "ban_days": "The length of a temporary ban, in days,",
    "reviewers": "The number of people who decide a case",
}


def _general(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    for name, words in _GENERAL.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change("", name, f"{words} changes from {_said(before)} to {_said(after)}.")


def _categories(
    old: Mapping[str, CategoryPolicy], new: Mapping[str, CategoryPolicy]
) -> Iterator[Change]:
    for name, after in new.items():
        before = old.get(name)
        if before is None:
            yield Change(
                "categories",
                name,
                f"Category {name} is new: a violation ({after.violation}, {after.severity}) "
                f"from {after.threshold:g} up.",
            )
            continue
        for mark, what in (("threshold", "a violation"), ("doubtful", "a case for people")):
            was, now = getattr(before, mark), getattr(after, mark)
            if was != now and None not in (was, now):
                moves = "rises" if now > was else "falls"
                amount = "less" if now > was else "more"
                yield Change(
                    "categories",
                    name,
                    f"The mark '{mark}' of {name} {moves} from {was:g} to {now:g}: "
                    f"{amount} of it is {what}.",
                )
        marks = {
            mark
            for mark in ("threshold", "doubtful")
            if None not in (getattr(before, mark), getattr(after, mark))
        }
        yield from _fields("categories", name, before, after, f"Category {name}", marks)
    for name in old:
        if name not in new:
            yield Change("categories", name, f"Category {name} is gone.")


def _rules(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Change]:
    def added(rule: Rule, place: int) -> str:
        return f"Rule '{rule.name}' is new, at place {place}: {rule_words(rule)}."

    yield from _named("rules", "Rule", old, new, added)


def _queues(old: Sequence[Queue], new: Sequence[Queue]) -> Iterator[Change]:
    def added(queue: Queue, place: int) -> str:
        deadline = f"with a deadline of {queue.deadline_hours:g} hours"
        return f"Queue '{queue.name}' is new, at place {place}, {deadline}."

    yield from _named("queues", "Queue", old, new, added)


def _named(
    table: str, noun: str, old: Sequence[Any], new: Sequence[Any], added: Callable[[Any, int], str]
) -> Iterator[Change]:
    """Ordered entries with names: new, changed, moved, gone."""
    before = {each.name: each for each in old}
    after = {each.name: each for each in new}
    moved = _moved([n for n in before if n in after], [n for n in after if n in before])
    places = {name: place for place, name in enumerate(before, start=1)}
    for place, (name, entry) in enumerate(after.items(), start=1):
        if name not in before:
            yield Change(table, name, added(entry, place))
            continue
        if name in moved:
            text = f"{noun} '{name}' moves from place {places[name]} to place {place}."
            yield Change(table, name, text)
        yield from _fields(table, name, before[name], entry, f"{noun} '{name}'")
    for name in before:
        if name not in after:
            yield Change(table, name, f"{noun} '{name}' is gone.")


def _moved(old: list[str], new: list[str]) -> set[str]:
    """Those that changed their order; the fewest that explain it."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    kept = {name for block in blocks for name in old[block.a : block.a + block.size]}
    return set(new) - kept


def _ladder(old: Sequence[LadderStep], new: Sequence[LadderStep]) -> Iterator[Change]:
    before, after = [_step(each) for each in old], [_step(each) for each in new]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        gone = "; ".join(before[start:end])
        come = "; ".join(after[new_start:new_end])
        if kind == "delete":
            text = f"The ladder loses step {start + 1}: {gone}."
        elif kind == "insert":
            text = f"The ladder gains step {new_start + 1}: {come}."
        else:
            text = f"Step {start + 1} of the ladder changes from ({gone}) to ({come})."
        yield Change("ladder", str(new_start + 1), text)


def _step(step: LadderStep) -> str:
    days = f" for {step.ban_days:g} days" if step.ban_days else ""
    return f"{step_words(step)}: {NAMES_OF_ACTIONS[step.action]}{days}"


def _table(table: str, old: Part, new: Part, noun: str) -> Iterator[Change]:
    yield from _fields(table, "", old, new, noun)


def _fields(
    table: str, entry: str, old: Part, new: Part, noun: str, apart: set[str] | None = None
) -> Iterator[Change]:
    """One sentence for all fields of an entry that differ, but those that are told apart."""
    parts = []
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before != after and name not in (apart or ()):
            parts.append(f"`{name}` from {_said(before)} to {_said(after)}")
    if parts:
        yield Change(table, entry, sentence(f"{noun} changes: {'; '.join(parts)}"))


def _guidance(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            what = "changes" if name in old and name in new else "is new"
            what = what if name in new else "is gone"
            yield Change("guidance", name, f"The guidance on {name} {what}.")


def _examples(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    before = {each.name: each for each in old.examples}
    after = {each.name: each for each in new.examples}
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            yield Change("examples", name, f"Example '{name}' is new: it expects {now.action}.")
        elif now is None:
            yield Change("examples", name, f"Example '{name}' is gone.")
        elif was is not None:
            yield from _fields("examples", name, was, now, f"Example '{name}'")


def _said(value: Any) -> str:
    """A value as the document would write it."""
    if value is None or value == "" or value == () or value == {}:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) if str(value).isidentifier() else f"`{value}`"
