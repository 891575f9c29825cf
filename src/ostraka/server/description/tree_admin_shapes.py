"""What the moderators' half of `/api/v1` answers, as the description shows it."""

from typing import Any

from msgspec import Struct


class SystemCounts(Struct, forbid_unknown_fields=True):
    """Messages in all, those that stand, those that are deleted; trees."""

    all: int
    active: int
    deleted: int
    message_trees: int


class TreeSize(Struct, forbid_unknown_fields=True):
    """How large a tree is, and how far from its goal."""

    message_tree_id: str
    state: str
    lang: str
    depth: int
    oldest: str
    youngest: str
    count: int
    goal_tree_size: int
    completed: float


class TreeManagerStatistics(Struct, forbid_unknown_fields=True):
    """Trees by state, and the size of each that is at work."""

    state_counts: dict[str, int]
    message_counts: list[TreeSize]


class Summary(Struct, forbid_unknown_fields=True):
    """One of Open-Assistant's summaries, counted when it was asked for."""

    name: str
    last_updated: str
    stats: dict[str, Any]


class Summaries(Struct, forbid_unknown_fields=True):
    """All of them."""

    stats_by_name: dict[str, Summary]


class ContributorScore(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a contributor did in a span of time; `rank` is null for whoever is on no board."""

    rank: int | None
    user_id: str
    username: str
    auth_method: str
    display_name: str
    highlighted: bool
    leader_score: int
    level: int
    base_date: str | None
    modified_date: str
    prompts: int
    replies_assistant: int
    replies_prompter: int
    labels_simple: int
    labels_full: int
    rankings_total: int
    rankings_good: int
    accepted_prompts: int
    accepted_replies_assistant: int
    accepted_replies_prompter: int
    reply_ranked_1: int
    reply_ranked_2: int
    reply_ranked_3: int
    streak_days: int
    streak_last_day_date: str | None
    last_activity_date: str | None


class Leaderboard(Struct, forbid_unknown_fields=True):
    """Contributors by points."""

    time_frame: str
    last_updated: str
    leaderboard: list[ContributorScore]


class Trouble(Struct, forbid_unknown_fields=True, kw_only=True):
    """What others found wrong with somebody's messages; a mean is null where nobody gave it."""

    rank: int
    user_id: str
    username: str
    auth_method: str
    display_name: str
    highlighted: bool
    enabled: bool
    deleted: bool
    show_on_leaderboard: bool
    troll_score: int
    base_date: str | None
    modified_date: str
    last_activity_date: str | None
    red_flags: int
    upvotes: int
    downvotes: int
    spam_prompts: int
    lang_mismatch: int
    not_appropriate: int
    pii: int
    hate_speech: int
    sexual_content: int
    political_content: int
    quality: float | None
    humor: float | None
    toxicity: float | None
    violence: float | None
    helpfulness: float | None
    spam: float


class Trollboard(Struct, forbid_unknown_fields=True):
    """Contributors by trouble."""

    time_frame: str
    last_updated: str
    trollboard: list[Trouble]


class Updated(Struct, forbid_unknown_fields=True):
    """Until when the boards hold: now."""

    last_updated: str


class LabelScore(Struct, forbid_unknown_fields=True):
    """How sure the classifier is of a label."""

    label: str
    score: float


class TreeConsequences(Struct, forbid_unknown_fields=True, kw_only=True):
    """What an act does to one tree."""

    tree_id: str
    before: str
    after: str
    messages_deleted: int
    messages_erased: int
    messages_renamed: int
    reviews: int
    votes: int
    marks: int
    leases: int


class AllConsequences(Struct, forbid_unknown_fields=True, kw_only=True):
    """What an act does in all; `reviews`, `votes` and `marks` say how many fewer there are."""

    act: str
    contributor: str
    done: bool
    bans: bool
    messages_deleted: int
    messages_erased: int
    messages_renamed: int
    reviews: int
    votes: int
    marks: int
    leases: int
    moved: int
    trees: list[TreeConsequences]


class ActResult(Struct, forbid_unknown_fields=True):
    """Counts before and after, and what the act leads to; `preview` says that it was not done."""

    before: SystemCounts
    after: SystemCounts
    preview: bool
    duration: float
    consequences: AllConsequences


class FlaggedMessage(Struct, forbid_unknown_fields=True):
    """A reported message; `created_date` is the moment of the last report."""

    message_id: str
    message_tree_id: str
    text: str
    reports: int
    processed: bool
    created_date: str


class FlaggedPage(Struct, forbid_unknown_fields=True):
    """A page of reported messages."""

    prev: str | None
    next: str | None
    sort_key: str
    order: str
    items: list[FlaggedMessage]


class NearDuplicatePrompt(Struct, forbid_unknown_fields=True):
    """A prompt, an earlier one that it is nearly the same as, and how alike they are."""

    message_id: str
    of_message_id: str
    similarity: float
    created_date: str


class PublicSettings(Struct, forbid_unknown_fields=True):
    """What a front end needs to know."""

    PROJECT_NAME: str
    MESSAGE_SIZE_LIMIT: int
    DUPLICATE_MESSAGE_FILTER_WINDOW_MINUTES: int
    TASK_VALIDITY_MINUTES: int
    terms_required: bool


class MadeClient(Struct, forbid_unknown_fields=True):
    """A client and its key, which is shown here and nowhere else."""

    id: str
    api_key: str
    description: str
    frontend_type: str
    trusted: bool
