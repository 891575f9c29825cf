"""How a project grows its trees: one document, validated as a whole and never changed at run time.

The names and defaults are those that Open-Assistant's users know; what is ours says so.
"""

import hashlib
import tomllib
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ostraka.errors import PolicyProblem, SettingsError, TreeConfigurationError
from ostraka.policy.places import Path, line_of, lines_of
from ostraka.trees import labels
from ostraka.trees.language_tags import canonical

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
"""A count for which 0 is an answer; the field says which one."""
Weight = Annotated[float, Field(ge=0)]


def _tuple(value: Any) -> Any:
    """TOML's arrays are lists, and the environment's lists are text with commas."""
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    return tuple(value) if isinstance(value, list) else value


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(names) - set(labels.NAMES))
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no label; one of {', '.join(labels.NAMES)}")
    if len(set(names)) < len(names):
        raise ValueError("a label stands twice")
    return names


def _tags(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(canonical, names))


Languages = Annotated[tuple[str, ...], AfterValidator(_tags), BeforeValidator(_tuple)]
Labels = Annotated[
    tuple[str, ...], Field(min_length=1), AfterValidator(_known), BeforeValidator(_tuple)
]


LabelKind = Literal["initial_prompt", "assistant_reply", "prompter_reply"]
KINDS: Final[tuple[LabelKind, ...]] = ("initial_prompt", "assistant_reply", "prompter_reply")


class Part(BaseModel):
    """Nothing unknown in it, nothing converted, nothing changed later."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


class TaskWeights(Part):
    """How often each kind of task is drawn for a contributor who takes any."""

    ranking: Weight = 10.0
    label_reply: Weight = 5.0
    label_prompt: Weight = 5.0
    reply: Weight = 2.0
    prompt: Weight = 0.01


class TreeConfiguration(Part):
    """Everything that can be chosen about trees."""

    max_active_trees: Count = 10
    """Trees that grow at a time, per language."""
    max_initial_prompt_review: Count = 100
    """Prompts in review at a time, per language."""
    max_prompt_lottery_waiting: Count = 250
    """Accepted prompts that wait at a time, per language."""
    max_tree_depth: Count = 3
    """Messages at this depth are leaves; the prompt is at 0."""
    max_children_count: Count = 3
    num_prompter_replies: Count = 1
    """Replies to one assistant message."""
    goal_tree_size: Count = 12
    """Accepted messages of a finished tree, its prompt included."""
    random_goal_tree_size: bool = False
    min_goal_tree_size: Count = 5
    num_reviews_initial_prompt: Count = 3
    num_reviews_reply: Count = 3
    auto_mod_enabled: bool = True
    auto_mod_max_skip_reply: Count = 25
    auto_mod_red_flags: Count = 4
    p_full_labeling_review_prompt: Share = 1.0
    p_full_labeling_review_reply_assistant: Share = 1.0
    p_full_labeling_review_reply_prompter: Share = 0.25
    acceptance_threshold_initial_prompt: Share = 0.6
    acceptance_threshold_reply: Share = 0.6
    num_required_rankings: Count = 3
    p_activate_backlog_tree: Share = 0.1
    min_active_rankings_per_lang: CountOrNone = 0
    """0: never activate backlog trees for want of rankings."""
    labels_initial_prompt: Labels = labels.PROMPTER_LABELS
    labels_assistant_reply: Labels = labels.ASSISTANT_LABELS
    labels_prompter_reply: Labels = labels.PROMPTER_LABELS
    mandatory_labels_initial_prompt: Labels = (labels.SPAM,)
    mandatory_labels_assistant_reply: Labels = (labels.SPAM,)
    mandatory_labels_prompter_reply: Labels = (labels.SPAM,)
    rank_prompter_replies: bool = False
    lonely_children_count: CountOrNone = 2
    """Prompts with fewer replies than this, but at least one, are lonely; below 2: none are."""
    p_lonely_child_extension: Share = 0.75
    recent_tasks_span_sec: Count = 300
    max_pending_tasks_per_user: Count = 8
    """Tasks of the last `recent_tasks_span_sec` that one contributor may have open."""
    init_prompt_disabled_langs: Languages = ()

    message_size_limit: Count = 2000
    """Characters of a message."""
    duplicate_message_window_minutes: CountOrNone = 120
    """For how long a contributor cannot send the same text again."""
    task_validity_minutes: Count = 2880
    """How long a lease lasts that is not renewed."""
    task_weights: TaskWeights = TaskWeights()
    authors_answer_themselves: bool = False
    """Ours: whether an author may answer their own message."""
    max_rejected_replies: CountOrNone = 36
    """Ours: a growing tree with so many rejected replies is given up; 0: never."""

    @field_validator("goal_tree_size")
    @classmethod
    def _can_be_reached(cls, goal: int, info: ValidationInfo) -> int:
        known = info.data
        if {"max_tree_depth", "max_children_count", "num_prompter_replies"} <= known.keys():
            most = size_limit(
                known["max_tree_depth"], known["max_children_count"], known["num_prompter_replies"]
            )
            if goal > most:
                raise ValueError(
                    f"a tree of these limits holds {most} messages at most, not {goal}"
                )
        return goal

    @field_validator("min_goal_tree_size")
    @classmethod
    def _is_no_more_than_the_goal(cls, least: int, info: ValidationInfo) -> int:
        random, goal = (
            info.data.get("random_goal_tree_size"),
            info.data.get("goal_tree_size", least),
        )
        if random and least > goal:
            raise ValueError(f"{least} is more than goal_tree_size, which is {goal}")
        return least

    @field_validator(*(f"mandatory_labels_{kind}" for kind in KINDS))
    @classmethod
    def _can_be_given(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        shown = info.data.get(str(info.field_name).removeprefix("mandatory_"), names)
        missing = sorted(set(names) - set(shown))
        if missing:
            raise ValueError(f"'{missing[0]}' is not among the labels that are shown")
        if labels.SPAM not in names:
            raise ValueError(f"'{labels.SPAM}' must be mandatory: acceptance rests on it")
        return names

    @field_validator("task_weights")
    @classmethod
    def _draw_something(cls, weights: TaskWeights) -> TaskWeights:
        if not any(weights.model_dump().values()):
            raise ValueError("one weight at least must be more than 0")
        return weights

    @property
    def digest(self) -> str:
        """What tells this configuration from every other."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def labels_for(self, kind: LabelKind) -> tuple[str, ...]:
        """The labels of one kind of message, in the order in which they are shown."""
        found: tuple[str, ...] = getattr(self, f"labels_{kind}")
        return found

    def mandatory_labels_for(self, kind: LabelKind) -> tuple[str, ...]:
        """The labels without which a review is not complete."""
        found: tuple[str, ...] = getattr(self, f"mandatory_labels_{kind}")
        return found


def size_limit(depth: int, children: int, prompter_replies: int) -> int:
    """How many messages a tree can hold at most: its assistants answer at odd depths."""
    level, total = 1, 1
    for below in range(1, depth + 1):
        level *= children if below % 2 else min(children, prompter_replies)
        total += level
    return total


def parse_configuration(text: str) -> TreeConfiguration:
    """The configuration that a TOML document writes.

    Raises:
        TreeConfigurationError: with every fault found, each with its field and line.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TreeConfigurationError([PolicyProblem(f"no TOML: {error}")]) from error
    lines = lines_of(text)
    try:
        return TreeConfiguration.model_validate(data)
    except ValidationError as error:
        found = [(each["loc"], each["msg"]) for each in error.errors()]
        raise TreeConfigurationError([_problem(*each, lines) for each in found]) from error


def read_configuration(file: FilePath | None) -> TreeConfiguration:
    """The configuration in the file that the settings name; the defaults where they name none.

    Raises:
        SettingsError: it cannot be read or used.
    """
    if file is None:
        return TreeConfiguration()
    try:
        return parse_configuration(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
    except TreeConfigurationError as error:
        why = "; ".join(map(str, error.problems))
    raise SettingsError(f"setting 'trees_configuration': {file} cannot be used: {why}")


def _problem(
    location: tuple[int | str, ...], message: str, lines: dict[Path, int]
) -> PolicyProblem:
    message = message.removeprefix("Value error, ")
    if message.startswith("Extra inputs"):
        message = "there is no such field"
    table = str(location[0]) if len(location) > 1 and location[0] == "task_weights" else ""
    field = str(location[1] if table else location[0])
    return PolicyProblem(message, table, field=field, line=line_of(lines, location))
