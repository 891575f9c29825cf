"""Why there is no task of a kind for somebody now, in sentences that say what would change it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.finding import Work
from ostraka.trees.lottery import LanguageCounts
from ostraka.trees.openings import HELD
from ostraka.trees.permissions import Refusal
from ostraka.trees.selection import TaskType

_NUMBERS: Final = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
_WAITING: Final = {
    TaskType.LABEL_INITIAL_PROMPT: ("prompt", "review"),
    TaskType.LABEL_PROMPTER_REPLY: ("prompter's reply", "review"),
    TaskType.LABEL_ASSISTANT_REPLY: ("assistant's reply", "review"),
    TaskType.RANK_PROMPTER_REPLIES: ("group of prompters' replies", "ranking"),
    TaskType.RANK_ASSISTANT_REPLIES: ("group of assistants' replies", "ranking"),
    TaskType.PROMPTER_REPLY: ("conversation", "prompter's reply"),
    TaskType.ASSISTANT_REPLY: ("conversation", "assistant's reply"),
}
"""What waits, and for what."""

_PLURALS: Final = {
    "prompter's reply": "prompters' replies",
    "assistant's reply": "assistants' replies",
    "group of prompters' replies": "groups of prompters' replies",
    "group of assistants' replies": "groups of assistants' replies",
}
_BECAUSE: Final = {
    Refusal.OWN_MESSAGE: "wrote {it} yourself",
    Refusal.REVIEWED_ALREADY: "have reviewed {it} before",
    Refusal.RANKED_ALREADY: "have ranked {it} before",
    Refusal.ANSWERED_ALREADY: "have answered in {it} before",
    Refusal.SKIPPED: "have skipped {it} before",
    HELD: "have {it} open as a task",
}


def counts_for_contributor(work: Iterable[Work], prompts: int) -> dict[TaskType, int]:
    """How much of each kind somebody could begin now."""
    found: Counter[TaskType] = Counter()
    for each in work:
        if each.is_free and each.why is None:
            found[each.type] += each.count
    return {**{kind: found[kind] for kind in TaskType}, TaskType.INITIAL_PROMPT: prompts}


def why_none(type_: TaskType, work: Sequence[Work]) -> tuple[str, ...]:
    """Why there is nothing of a kind, other than prompts to write, for somebody."""
    mine = [each for each in work if each.type is type_]
    sentences = []
    barred = [each for each in mine if each.why is not None]
    if barred:
        sentences.append(_waits(type_, barred) + _because(barred))
    busy = sum(each.count for each in mine if each.why is None)
    if busy:
        thing, _ = _WAITING[type_]
        verb = "is" if busy == 1 else "are"
        sentences.append(f"{_count(busy, thing, more=bool(barred))} {verb} with others now.")
    if not sentences:
        thing, missing = _WAITING[type_]
        sentences.append(f"No {thing} in your language waits for {_a(missing)} now.")
    return tuple(sentences)


def why_no_prompts(
    counts: LanguageCounts, language: str, configuration: TreeConfiguration
) -> tuple[str, ...]:
    """Why nobody is asked for a prompt in a language."""
    if language in configuration.init_prompt_disabled_langs:
        return ("New prompts are not taken in this language.",)
    if counts.waiting + counts.open_prompt_tasks >= configuration.max_prompt_lottery_waiting:
        waiting = _count(counts.waiting, "accepted prompt")
        verb = "waits" if counts.waiting == 1 else "wait"
        return (f"{waiting} in your language {verb} for a place to grow, which is enough.",)
    in_review = counts.in_prompt_review + counts.open_prompt_tasks
    verb = "is" if in_review == 1 else "are"
    return (
        f"{_count(in_review, 'new prompt')} in your language {verb} being written or reviewed, "
        "which is enough for now.",
    )


def _waits(type_: TaskType, barred: Sequence[Work]) -> str:
    thing, missing = _WAITING[type_]
    count = sum(each.count for each in barred)
    least, most = (pick(each.missing for each in barred) for pick in (min, max))
    verb = "waits" if count == 1 else "wait"
    if missing not in ("review", "ranking"):
        return f"{_count(count, thing)} in your language {verb} for {_a(missing)}"
    span = number(most) if least == most else f"{number(least)} to {number(most)}"
    plural = "" if most == 1 else "s"
    return f"{_count(count, thing)} in your language {verb} for {span} more {missing}{plural}"


def _because(barred: Sequence[Work]) -> str:
    counts = {
        why: sum(each.count for each in barred if each.why == why)
        for why in _BECAUSE
        if any(each.why == why for each in barred)
    }
    if len(counts) == 1:
        [(why, count)] = counts.items()
        return f", but not from you: you {_BECAUSE[why].format(it='it' if count == 1 else 'them')}."
    parts = [f"you {_BECAUSE[why].format(it=number(count))}" for why, count in counts.items()]
    return f", but not from you: {', '.join(parts[:-1])} and {parts[-1]}." if parts else "."


def number(count: int) -> str:
    """A count in words as far as people write it so."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def _count(count: int, thing: str, *, more: bool = False) -> str:
    name = thing if count == 1 else _PLURALS.get(thing, f"{thing}s")
    words = f"{number(count)} more {name}" if more else f"{number(count)} {name}"
    return words[0].upper() + words[1:]


def _a(thing: str) -> str:
    return f"an {thing}" if thing[0] in "aeiou" else f"a {thing}"
