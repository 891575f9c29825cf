"""The next task for a contributor: what there is, which kind, and which piece of it.

Pure: given the same trees, contributor and seed, the same task comes out. Among reviews and
rankings the one that lacks the least comes first, so that what is begun gets finished.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final, Literal

from ostraka.errors import OstrakaError
from ostraka.trees.acceptance import label_kind, required_reviews
from ostraka.trees.configuration import LabelKind, TaskWeights, TreeConfiguration
from ostraka.trees.labels import LANGUAGE_MISMATCH, QUALITY
from ostraka.trees.lottery import LanguageCounts, missing_prompts
from ostraka.trees.permissions import Request, may_take
from ostraka.trees.states import State
from ostraka.trees.tree import Tree
from ostraka.trees.values import Activity, Message, Role


class TaskType(StrEnum):
    """Every kind of task that is given out."""

    INITIAL_PROMPT = "initial_prompt"
    PROMPTER_REPLY = "prompter_reply"
    ASSISTANT_REPLY = "assistant_reply"
    LABEL_INITIAL_PROMPT = "label_initial_prompt"
    LABEL_PROMPTER_REPLY = "label_prompter_reply"
    LABEL_ASSISTANT_REPLY = "label_assistant_reply"
    RANK_PROMPTER_REPLIES = "rank_prompter_replies"
    RANK_ASSISTANT_REPLIES = "rank_assistant_replies"


Family = Literal["ranking", "label_reply", "label_prompt", "reply", "prompt"]
FAMILIES: Final[Mapping[Family, tuple[TaskType, ...]]] = {
    "ranking": (TaskType.RANK_PROMPTER_REPLIES, TaskType.RANK_ASSISTANT_REPLIES),
    "label_reply": (TaskType.LABEL_PROMPTER_REPLY, TaskType.LABEL_ASSISTANT_REPLY),
    "label_prompt": (TaskType.LABEL_INITIAL_PROMPT,),
    "reply": (TaskType.PROMPTER_REPLY, TaskType.ASSISTANT_REPLY),
    "prompt": (TaskType.INITIAL_PROMPT,),
}
"""Kinds of task that share a weight."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a contributor could do."""

    type: TaskType
    tree_id: str
    message_id: str
    missing: int = 1
    """How many more people it needs, this one included."""
    lonely: bool = False
    """A prompt with some replies, but too few to rank."""
    kind: LabelKind = "initial_prompt"


@dataclass(frozen=True, slots=True)
class Task:
    """What a contributor is asked to do."""

    type: TaskType
    tree_id: str = ""
    message_id: str = ""
    labels: tuple[str, ...] = ()
    mandatory_labels: tuple[str, ...] = ()
    mode: Literal["full", "simple"] = "full"
    disposition: Literal["quality", "spam"] = "quality"


@dataclass(frozen=True, slots=True)
class Available:
    """All that one contributor could do in one language."""

    candidates: tuple[Candidate, ...] = ()
    prompts: int = 0
    places: int = 0
    """Replies that there is room for, over all trees that this contributor can extend."""
    waiting_for_others: Mapping[TaskType, int] = field(default_factory=dict)
    """Work that there is, but not for this contributor."""

    def of(self, *types: TaskType) -> list[Candidate]:
        """Candidates of some kinds."""
        return [each for each in self.candidates if each.type in types]

    def counts(self) -> dict[TaskType, int]:
        """How many there are of each kind; reading them changes nothing."""
        found = {kind: len(self.of(kind)) for kind in TaskType}
        return {**found, TaskType.INITIAL_PROMPT: self.prompts}

    def weights(self, weights: TaskWeights) -> dict[Family, float]:
        """The weight of each family that has something to do."""
        return {
            family: weight
            for family, types in FAMILIES.items()
            if (weight := getattr(weights, family)) > 0
            and (self.prompts if family == "prompt" else self.of(*types))
        }


class NoTaskError(OstrakaError):
    """There is no task of this kind for you now."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


def available(
    trees: Iterable[Tree],
    counts: LanguageCounts,
    language: str,
    contributor: str,
    configuration: TreeConfiguration,
) -> Available:
    """What a contributor could do among the trees of a language."""
    found: list[Candidate] = []
    others: dict[TaskType, int] = {}
    places = 0
    for tree in trees:
        mine = 0
        for candidate, activity in work_in(tree, configuration):
            request = Request(tree, activity, candidate.message_id, contributor)
            if may_take(request, configuration):
                found.append(candidate)
                mine += activity is Activity.REPLY
            else:
                others[candidate.type] = others.get(candidate.type, 0) + 1
        places += tree.remaining if mine else 0
    prompts = missing_prompts(counts, language, configuration)
    return Available(tuple(found), prompts, places, others)


def choose(
    offered: Available,
    configuration: TreeConfiguration,
    random: Random,
    wanted: TaskType | None = None,
) -> Task:
    """The next task: of a kind, or of any by the weights.

    Raises:
        NoTaskError: there is none; it says what there is and why it is not for them.
    """
    if wanted is not None:
        if not offered.counts()[wanted]:
            raise NoTaskError(reasons_for_none(offered, [wanted]))
        types: tuple[TaskType, ...] = (wanted,)
    else:
        weights = offered.weights(configuration.task_weights)
        if not weights:
            raise NoTaskError(reasons_for_none(offered, list(TaskType)))
        [family] = random.choices(list(weights), list(weights.values()))
        types = FAMILIES[family]
    if TaskType.INITIAL_PROMPT in types:
        return Task(TaskType.INITIAL_PROMPT)
    pieces = offered.of(*types)
    if types[0] in FAMILIES["reply"]:
        piece = _parent(pieces, configuration, random)
    else:
        least = min(each.missing for each in pieces)
        piece = random.choice([each for each in pieces if each.missing == least])
    return task_on(piece, configuration, random, specific=wanted is not None)


def reasons_for_none(offered: Available, types: Sequence[TaskType]) -> list[str]:
    """Why there is nothing, in sentences."""
    sentences = [
        f"{count} of {kind} wait{'s' if count == 1 else ''} for others than you."
        for kind in types
        if (count := offered.waiting_for_others.get(kind, 0))
    ]
    if TaskType.INITIAL_PROMPT in types and not offered.prompts:
        sentences.append("No new prompts are taken in your language now.")
    return sentences or ["Nothing waits in your language now."]


def work_in(tree: Tree, configuration: TreeConfiguration) -> Iterable[tuple[Candidate, Activity]]:
    """Everything that somebody could do in a tree."""
    if tree.reviewable:
        for message in tree.awaiting_review:
            yield _review(tree, message, configuration), Activity.REVIEW
    if tree.state is State.GROWING and tree.remaining:
        for message in tree.messages.values():
            if tree.room_below(message):
                yield _reply(tree, message, configuration), Activity.REPLY
    if tree.state is State.RANKING:
        for parent in tree.rankable_parents(configuration.rank_prompter_replies):
            missing = configuration.num_required_rankings - len(tree.complete_votes(parent.id))
            if missing > 0:
                kind = TaskType(f"rank_{parent.role.other}_replies")
                yield Candidate(kind, tree.id, parent.id, missing), Activity.RANK


def type_of(activity: Activity, message: Message) -> TaskType:
    """The kind of task that doing something with a message is."""
    if activity is Activity.REVIEW:
        return TaskType(f"label_{label_kind(message)}")
    who = message.role.other
    return TaskType(f"{who}_reply" if activity is Activity.REPLY else f"rank_{who}_replies")


def _review(tree: Tree, message: Message, configuration: TreeConfiguration) -> Candidate:
    kind = label_kind(message)
    missing = required_reviews(message, configuration) - len(message.counted_reviews)
    return Candidate(TaskType(f"label_{kind}"), tree.id, message.id, missing, kind=kind)


def _reply(tree: Tree, parent: Message, configuration: TreeConfiguration) -> Candidate:
    replies = len(tree.active_children(parent.id))
    lonely = parent.role is Role.PROMPTER and 0 < replies < configuration.lonely_children_count
    return Candidate(TaskType(f"{parent.role.other}_reply"), tree.id, parent.id, lonely=lonely)


def _parent(pieces: list[Candidate], configuration: TreeConfiguration, random: Random) -> Candidate:
    lonely = [each for each in pieces if each.lonely]
    if lonely and random.random() < configuration.p_lonely_child_extension:
        return random.choice(lonely)
    return random.choice(pieces)


def task_on(
    piece: Candidate, configuration: TreeConfiguration, random: Random, *, specific: bool
) -> Task:
    """The task that a candidate makes, with the labels that are asked for."""
    task = Task(piece.type, piece.tree_id, piece.message_id)
    if piece.type not in (*FAMILIES["label_reply"], *FAMILIES["label_prompt"]):
        return task
    mandatory = configuration.mandatory_labels_for(piece.kind)
    simple = labels_are_few(piece.kind, configuration, random, specific=specific)
    shown = configuration.labels_for(piece.kind)
    if simple:
        few = {*mandatory, LANGUAGE_MISMATCH}
        few |= set() if piece.kind == "initial_prompt" else {QUALITY}
        shown = tuple(name for name in shown if name in few)
    return Task(
        piece.type,
        piece.tree_id,
        piece.message_id,
        shown,
        mandatory,
        "simple" if simple else "full",
        "spam" if simple else "quality",
    )


def labels_are_few(
    kind: LabelKind, configuration: TreeConfiguration, random: Random, *, specific: bool
) -> bool:
    """Whether a reviewer is asked for few labels; who asks for replies to label gets them all."""
    share = {
        "initial_prompt": configuration.p_full_labeling_review_prompt,
        "assistant_reply": configuration.p_full_labeling_review_reply_assistant,
        "prompter_reply": configuration.p_full_labeling_review_reply_prompter,
    }[kind]
    if specific and kind != "initial_prompt":
        return False
    return random.random() >= share
