"""Trees for tests: small ones by hand, and a crowd that grows them as contributors do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from ostraka.trees import acts
from ostraka.trees.advance import advance, happen
from ostraka.trees.configuration import TreeConfiguration
from ostraka.trees.lottery import LanguageCounts
from ostraka.trees.selection import FAMILIES, NoTaskError, Task, TaskType, available, choose
from ostraka.trees.states import ENDED, Event, State
from ostraka.trees.tree import Tree
from ostraka.trees.values import (
    Activity,
    Mark,
    Message,
    RankingVote,
    Role,
    TreeLease,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = TreeConfiguration()
SMALL = TreeConfiguration(
    max_tree_depth=1, max_children_count=2, goal_tree_size=3, min_goal_tree_size=2
)
GOOD, BAD = {"spam": 0.0}, {"spam": 1.0}
_numbers = count()


def message(name: str, author: str | None = None, role: Role = Role.PROMPTER, **fields) -> Message:
    return Message(name, author or f"writer of {name}", role, f"text of {name}", NOW, **fields)


def seedling(
    name: str = "root", author: str = "ada", configuration: TreeConfiguration = DEFAULTS
) -> Tree:
    return acts.plant(message(name, author), configuration, Random(0))


def reviewed(
    tree: Tree,
    message_id: str,
    configuration: TreeConfiguration = DEFAULTS,
    *labels: dict[str, float],
) -> Tree:
    """After three reviews, good ones unless others are given."""
    for given in labels or (GOOD, GOOD, GOOD):
        who = f"reviewer {next(_numbers)}"
        tree = acts.review(tree, message_id, given, who, configuration)
        tree = advance(tree, configuration).tree
    return tree


def growing(configuration: TreeConfiguration = DEFAULTS, name: str = "root") -> Tree:
    tree = reviewed(seedling(name, configuration=configuration), name, configuration)
    return happen(tree, Event.DRAW, configuration, NOW).tree


def answered(
    tree: Tree,
    parent: str,
    name: str,
    configuration: TreeConfiguration = DEFAULTS,
    author: str | None = None,
    accept: bool = True,
) -> Tree:
    author = author or f"writer of {name}"
    tree = acts.reply(tree, parent, message(name), author, configuration)
    given = (GOOD if accept else BAD,) * 3
    return reviewed(advance(tree, configuration).tree, name, configuration, *given)


def ranking(configuration: TreeConfiguration = SMALL) -> Tree:
    """A tree whose prompt has the replies a and b, to be ranked."""
    tree = answered(growing(configuration), "root", "a", configuration)
    tree = answered(tree, "root", "b", configuration)
    assert tree.state is State.RANKING
    return tree


def voted(
    tree: Tree,
    order: str,
    configuration: TreeConfiguration = SMALL,
    who: str | None = None,
    not_rankable: bool = False,
) -> Tree:
    tiers = tuple((name,) for name in order)
    vote = RankingVote(who or f"ranker {next(_numbers)}", "root", tiers, not_rankable)
    return advance(acts.rank(tree, vote, configuration), configuration).tree


def lease(
    tree: Tree, activity: Activity, message_id: str, who: str, until: datetime = NOW + HOUR
) -> TreeLease:
    shown = tuple(each.id for each in tree.candidates(message_id))
    return TreeLease(f"lease {next(_numbers)}", activity, message_id, who, until, shown)


def activity_of(kind: TaskType) -> Activity:
    if kind in FAMILIES["ranking"]:
        return Activity.RANK
    return Activity.REPLY if kind in FAMILIES["reply"] else Activity.REVIEW


def next_task(
    tree: Tree,
    who: str,
    configuration: TreeConfiguration,
    seed: int = 0,
    wanted: TaskType | None = None,
) -> Task | None:
    """What somebody is offered in a tree besides new prompts, None if nothing is."""
    full = LanguageCounts(configuration.max_active_trees, 10**6, 10**6)
    offered = available([tree], full, "en", who, configuration)
    try:
        return choose(offered, configuration, Random(seed), wanted)
    except NoTaskError:
        return None


def do(tree: Tree, task: Task, who: str, configuration: TreeConfiguration, random: Random) -> Tree:
    """The tree after a task was done."""
    match activity_of(task.type):
        case Activity.REPLY:
            new = message(f"message {next(_numbers)}")
            tree = acts.reply(tree, task.message_id, new, who, configuration)
        case Activity.REVIEW:
            labels = dict.fromkeys(task.mandatory_labels, float(random.random() < 0.2))
            tree = acts.review(tree, task.message_id, labels, who, configuration)
        case Activity.RANK:
            held = tree.lease_of(Activity.RANK, task.message_id, who)
            names = [each.id for each in tree.candidates(task.message_id)]
            names = list(held.shown) if held else names
            random.shuffle(names)
            tiers = tuple((name,) for name in names)
            vote = RankingVote(who, task.message_id, tiers, random.random() < 0.1)
            tree = acts.rank(tree, vote, configuration)
    return advance(tree, configuration).tree


def work_once(tree: Tree, configuration: TreeConfiguration, random: Random) -> Tree | None:
    """The tree after one more task by somebody new, or the draw that it waits for."""
    if tree.state is State.PROMPT_LOTTERY_WAITING:
        return happen(tree, Event.DRAW, configuration, NOW).tree
    if tree.state is State.BACKLOG_RANKING:
        return happen(tree, Event.ACTIVATE, configuration, NOW).tree
    who = f"newcomer {next(_numbers)}"
    task = next_task(tree, who, configuration, random.randrange(10**6))
    return None if task is None else do(tree, task, who, configuration, random)


def finish(tree: Tree, configuration: TreeConfiguration, random: Random) -> Tree:
    """The tree after as much work as newcomers are offered, with leases run out."""
    tree = advance(acts.expire(tree, NOW + 100 * HOUR), configuration).tree
    for _ in range(2000):
        if tree.state in ENDED:
            return tree
        worked = work_once(tree, configuration, random)
        assert worked is not None, f"stuck in {tree.state}"
        tree = worked
    raise AssertionError(f"no end in {tree.state}")


def with_message(tree: Tree, name: str, **fields) -> Tree:
    return tree.with_messages(replace(tree.messages[name], **fields))


def after(tree: Tree, event: Event, configuration: TreeConfiguration = DEFAULTS) -> Tree:
    return happen(tree, event, configuration, NOW).tree


def marked(tree: Tree, name: str, code: str, times: int) -> Tree:
    """After so many people put a mark on a message."""
    for number in range(times):
        tree = acts.put_mark(tree, name, Mark(f"marker {number}", code))
    return advance(tree, DEFAULTS).tree
