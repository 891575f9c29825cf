"""What a document must be beyond the types of its fields: names that exist, conditions that hold
together, a ladder that always ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ostraka.errors import InvalidInputError
from ostraka.policy.expressions import Expression, ExpressionError, keys_of
from ostraka.policy.facts import Facts
from ostraka.policy.parts import LADDER, CategoryPolicy, Rule
from ostraka.policy.vocabulary import MEMBERS
from ostraka.taxonomy import Action, Category, ViolationType

if TYPE_CHECKING:
    from ostraka.policy.document import PolicyDocument

Path = tuple[str | int, ...]
Problem = tuple[Path, str]
_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})


def problems_of(document: "PolicyDocument") -> Iterator[Problem]:
    """Every fault, with the path that leads to it."""
    yield from _categories(document.categories)
    yield from _rules(document)
    yield from _ladder(document)
    yield from _queues(document)
    yield from _guidance(document.guidance)
    yield from _examples(document)


def _categories(categories: Mapping[str, CategoryPolicy]) -> Iterator[Problem]:
    for name, category in categories.items():
        place = ("categories", name)
        if name not in set(Category) and not category.custom:
            yield (
                place,
                f"'{name}' is no category of the taxonomy{_close(name, Category)}; if an assessor "
                "of yours scores it, say `custom = true`",
            )
        if name in set(Category) and category.custom:
            yield (*place, "custom"), f"'{name}' is a category of the taxonomy, not a custom one"
        if category.doubtful is not None and category.doubtful > category.threshold:
            yield (
                (*place, "doubtful"),
                f"must not be above the threshold, {category.threshold:g}",
            )


def _rules(document: "PolicyDocument") -> Iterator[Problem]:
    for number, rule in enumerate(document.rules):
        place = ("rules", number)
        if rule.name in RESERVED:
            yield (*place, "name"), f"'{rule.name}' is kept for what every policy does"
        if rule.name in (earlier.name for earlier in document.rules[:number]):
            yield (*place, "name"), f"another rule is called '{rule.name}'"
        yield from _rule(document, rule, place)


RESERVED = frozenset({"default", "not-assessed", "not-scored"})
"""Names of what is done where no rule decides; see the evaluation."""


def _rule(document: "PolicyDocument", rule: Rule, place: Path) -> Iterator[Problem]:
    if not rule.categories and not rule.when:
        yield place, "needs `categories`, `when`, or both; what no rule catches is approved anyway"
    for name in rule.categories:
        if name not in document.categories:
            known = document.categories
            yield (
                (*place, "categories"),
                f"'{name}' has no [categories] table{_close(name, known)}",
            )
    if rule.when:
        yield from _condition(document, rule.when, (*place, "when"))
    if rule.action == LADDER and not document.ladder:
        yield (*place, "action"), "there is no [[ladder]] to choose from"
    if rule.zero_tolerance and rule.action not in (Action.BAN_PERMANENT, Action.ESCALATE):
        yield (
            (*place, "action"),
            "zero tolerance means 'ban_permanent' or 'escalate', not "
            f"'{rule.action}'; or leave out `zero_tolerance`",
        )
    acts = rule.action not in (Action.APPROVE, Action.ESCALATE)
    if acts and not rule.categories and rule.violation is None:
        yield (
            (*place, "violation"),
            "is missing: without `categories` nothing else says what was violated",
        )
    if rule.ban_days and rule.action != Action.BAN_TEMPORARY:
        yield (*place, "ban_days"), "goes with the action 'ban_temporary' only"
    if rule.action == Action.APPROVE and (rule.people or rule.strike_weight):
        yield (*place, "action"), "what is approved has no strike and asks nobody"


def _ladder(document: "PolicyDocument") -> Iterator[Problem]:
    steps = document.ladder
    for number, step in enumerate(steps):
        place = ("ladder", number)
        bound = step.severity or step.violations or step.strikes
        if not bound and number < len(steps) - 1:
            yield place, "only the last step may be without conditions: those after it never apply"
        if bound and number == len(steps) - 1:
            yield place, "the last step must be without conditions, so that every violation has one"
        if step.action is Action.APPROVE:
            yield (*place, "action"), "a violation is never approved by the ladder"
        if step.ban_days and step.action is not Action.BAN_TEMPORARY:
            yield (*place, "ban_days"), "goes with the action 'ban_temporary' only"


def _queues(document: "PolicyDocument") -> Iterator[Problem]:
    queues = document.queues
    if not queues:
        yield ("queues",), "at least one [[queues]] is needed, for what people must decide"
    for number, queue in enumerate(queues):
        place = ("queues", number)
        if queue.name in (earlier.name for earlier in queues[:number]):
            yield (*place, "name"), f"another queue is called '{queue.name}'"
        bound = bool(queue.when or queue.violations or queue.severity)
        if bound and number == len(queues) - 1:
            yield place, "the last queue takes what is left: it must be without conditions"
        if not bound and number < len(queues) - 1:
            yield place, "only the last queue may be without conditions: those after it stay empty"
        if queue.when:
            yield from _condition(document, queue.when, (*place, "when"), routes=True)


def _guidance(guidance: Mapping[str, str]) -> Iterator[Problem]:
    for name in guidance:
        if name not in set(ViolationType):
            known = ", ".join(ViolationType)
            yield (
                ("guidance", name),
                f"'{name}' is no violation type{_close(name, ViolationType)}; one of {known}",
            )


def _examples(document: "PolicyDocument") -> Iterator[Problem]:
    rules = {rule.name for rule in document.rules} | RESERVED
    for number, example in enumerate(document.examples):
        place = ("examples", number)
        if example.name in (earlier.name for earlier in document.examples[:number]):
            yield (*place, "name"), f"another example is called '{example.name}'"
        if example.text is not None and example.scores:
            yield (*place, "text"), "an example has a text or scores, not both"
        for name in example.scores:
            if name not in document.categories and name not in set(Category):
                close = _close(name, document.categories)
                yield (*place, "scores", name), f"'{name}' is no category{close}"
        if example.rule is not None and example.rule not in rules:
            yield (
                (*place, "rule"),
                f"there is no rule '{example.rule}'{_close(example.rule, rules)}",
            )
        if example.queue is not None and document.queue(example.queue) is None:
            yield (*place, "queue"), f"there is no queue '{example.queue}'"
        try:
            Facts.from_dict({name: value for name, value in example.facts.items()})
        except InvalidInputError as error:
            yield (*place, "facts"), error.message
        if "scores" in example.facts:
            yield (*place, "facts"), "scores stand in the example's own `scores`"


def _condition(
    document: "PolicyDocument", source: str, place: Path, *, routes: bool = False
) -> Iterator[Problem]:
    try:
        expression = Expression(source, routes=routes)
    except ExpressionError as error:
        where = f" (at character {error.column} of `{source}`)" if error.column else ""
        yield place, f"{error.message}{where}"
        return
    for message in _names(document, expression.tokens):
        yield place, message


def _names(document: "PolicyDocument", tokens: list[str]) -> Iterator[str]:
    """Keys of maps that can be told from the text: CEL itself does not know them."""
    guarded = keys_of(tokens, "scores", guards=True)
    for key in dict.fromkeys(keys_of(tokens, "scores")):
        category = document.categories.get(key)
        if category is None:
            close = _close(key, document.categories)
            yield f"'{key}' has no [categories] table, so nothing is known of its score{close}"
        elif key not in guarded and category.unscored == "ignore":
            yield (
                f"the score of '{key}' may be absent: write "
                f'`"{key}" in scores && …` before it is read, or `unscored = "people"` in its '
                "category, so that people look wherever it was not scored"
            )
    for key in dict.fromkeys(keys_of(tokens, "reports.violations")):
        if key not in set(ViolationType):
            yield f"'{key}' is no violation type{_close(key, ViolationType)}"
    for member in _members(tokens):
        if member not in MEMBERS:
            yield (
                f"a prior action has no '{member}'{_close(member, MEMBERS)}; "
                f"it has {', '.join(sorted(MEMBERS))}"
            )


def _members(tokens: list[str]) -> Iterator[str]:
    """What is asked of single prior actions: `author.prior_actions.exists(p, p.member …)`."""
    head = ["author", ".", "prior_actions", "."]
    for start in range(len(tokens) - 6):
        if tokens[start : start + 4] == head and tokens[start + 4] in _MACROS:
            bound = tokens[start + 6]
            for place in range(start + 8, len(tokens) - 2):
                follows = tokens[place - 1] != "."
                if follows and tokens[place] == bound and tokens[place + 1] == ".":
                    yield tokens[place + 2]


def _close(name: str, known: Iterable[Any]) -> str:
    close = get_close_matches(name, [str(each) for each in known], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
