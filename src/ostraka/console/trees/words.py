"""What trees, messages and tasks are called on the pages."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ostraka.trees.selection import TaskType
from ostraka.trees.states import Event, State
from ostraka.trees.values import Role


@dataclass(frozen=True, slots=True)
class Words:
    """A chip's word, colour and picture, and a sentence beside it."""

    word: str
    kind: str
    picture: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class TaskWords:
    """A kind of task: its name, what a button says that asks for one, and what to do."""

    name: str
    button: str
    picture: str
    meaning: str
    guidance: str
    send: str
    """What the button says that hands it in."""


STATES: Final = MappingProxyType(
    {
        State.INITIAL_PROMPT_REVIEW: Words(
            "Prompt in review", "", "eye", "The prompt collects reviews."
        ),
        State.PROMPT_LOTTERY_WAITING: Words(
            "In line", "", "clock", "The prompt is accepted and waits until it may grow."
        ),
        State.GROWING: Words("Growing", "escalate", "trees", "Replies are written and reviewed."),
        State.RANKING: Words("Being ranked", "escalate", "rank", "Replies are put in order."),
        State.READY_FOR_SCORING: Words(
            "Being scored", "escalate", "rank", "The rankings are put together."
        ),
        State.READY_FOR_EXPORT: Words("Finished", "approve", "check", "It can be exported."),
        State.SCORING_FAILED: Words(
            "Scoring failed", "remove", "warning", "The rankings contradict the tree."
        ),
        State.ABORTED_LOW_GRADE: Words(
            "Given up", "remove", "stop", "The prompt or too many replies were rejected."
        ),
        State.HALTED_BY_MODERATOR: Words(
            "Halted", "warn", "stop", "A moderator or contributors' marks stopped it."
        ),
        State.BACKLOG_RANKING: Words(
            "Parked", "", "archive", "It was imported and waits to be activated."
        ),
    }
)

ROLES: Final = MappingProxyType({Role.PROMPTER: "Prompter", Role.ASSISTANT: "Assistant"})
"""Who speaks, as contributors know it."""

TASKS: Final = MappingProxyType(
    {
        TaskType.INITIAL_PROMPT: TaskWords(
            "Write a prompt",
            "Write",
            "edit",
            "Begin a conversation: ask an assistant something.",
            "Write what somebody could ask an assistant: a question, a request, a problem. "
            "One topic, in your own words, with all that an answer needs.",
            "Send prompt",
        ),
        TaskType.PROMPTER_REPLY: TaskWords(
            "Go on as the prompter",
            "Go on",
            "reply",
            "Answer an assistant as whoever asked would.",
            "You are the one who asks now. Ask further, answer what the assistant asked, or say "
            "what does not fit yet.",
            "Send reply",
        ),
        TaskType.ASSISTANT_REPLY: TaskWords(
            "Answer as the assistant",
            "Answer",
            "reply",
            "Write the best answer that you can give.",
            "You are the assistant now. Be correct, helpful and polite, say what you do not "
            "know, and refuse what would harm somebody. Do not paste what a machine wrote.",
            "Send reply",
        ),
        TaskType.LABEL_INITIAL_PROMPT: TaskWords(
            "Review a prompt",
            "Review",
            "eye",
            "Say whether a prompt may begin a conversation.",
            "Judge the prompt as it stands. Dull is not spam: spam is off topic or poor on "
            "purpose.",
            "Send review",
        ),
        TaskType.LABEL_PROMPTER_REPLY: TaskWords(
            "Review a prompter's reply",
            "Review",
            "eye",
            "Say whether a prompter's reply fits the conversation.",
            "Judge the last message in the light of those before it.",
            "Send review",
        ),
        TaskType.LABEL_ASSISTANT_REPLY: TaskWords(
            "Review an assistant's reply",
            "Review",
            "eye",
            "Say how good an assistant's reply is.",
            "Judge the last message in the light of those before it. Look up what you are not "
            "sure of.",
            "Send review",
        ),
        TaskType.RANK_PROMPTER_REPLIES: TaskWords(
            "Rank prompters' replies",
            "Rank",
            "rank",
            "Put prompters' replies to one message in order.",
            "Put the best reply first. Replies that are equally good share a place.",
            "Send ranking",
        ),
        TaskType.RANK_ASSISTANT_REPLIES: TaskWords(
            "Rank assistants' replies",
            "Rank",
            "rank",
            "Put assistants' replies to one message in order.",
            "Put the best reply first. Replies that are equally good share a place.",
            "Send ranking",
        ),
    }
)

SCALE_ENDS: Final = MappingProxyType(
    {
        "quality": ("poor", "very good"),
        "toxicity": ("polite", "rude"),
        "humor": ("serious", "funny"),
        "helpfulness": ("useless", "very helpful"),
        "creativity": ("ordinary", "creative"),
        "violence": ("harmless", "violent"),
    }
)
"""What stands at the two ends of a scale of five."""

MARK_WORDS: Final = MappingProxyType(
    {
        "red_flag": "red flag",
        "_skip_reply": "would not answer",
        "_skip_labeling": "would not review",
        "_skip_ranking": "would not rank",
    }
)

EVENT_BUTTONS: Final = MappingProxyType(
    {
        Event.DRAW: "Let it grow now",
        Event.ACTIVATE: "Activate",
        Event.RESUME: "Resume",
        Event.REOPEN: "Reopen",
        Event.RETRY_SCORING: "Score again",
        Event.HALT: "Halt",
    }
)
"""What moderators may ask of a tree, in the order of the buttons."""

EVENTS_DONE: Final = MappingProxyType(
    {
        Event.DRAW: "The tree grows.",
        Event.ACTIVATE: "The tree is active.",
        Event.RESUME: "Resumed. Where no more trees may grow, it waits in line.",
        Event.REOPEN: "Reopened. Where no more trees may grow, it waits in line.",
        Event.RETRY_SCORING: "Scored again.",
        Event.HALT: "Halted. Resume it to go on where it was.",
    }
)

LOG_WORDS: Final = MappingProxyType(
    {
        "planted": "wrote the prompt",
        "imported": "imported the tree",
        "taken": "took a task",
        "skipped": "skipped a task",
        "unskipped": "took a skipped task back",
        "given back": "gave a task back",
        "reported": "reported a message",
        "reacted": "marked a message",
        "flag_processed": "looked at a report and let the message stay",
        "reply": "wrote a reply",
        "review": "reviewed a message",
        "rank": "ranked replies",
        "undeleted": "restored a message",
        "decided": "decided on a message",
        "reconfigured": "took over the new configuration",
        "expired": "took expired tasks back",
        "released": "took back what somebody held who may not contribute any more",
        "drawn": "let it grow",
        "halt": "halted the tree",
        "resume": "resumed the tree",
        "reopen": "reopened the tree",
        "activate": "activated the tree",
        "retry_scoring": "scored the tree again",
        "deleted": "deleted a message",
        "restored": "restored a message",
        "edited": "edited a message",
        "accepted": "accepted a message",
        "rejected": "rejected a message",
        "forgiven": "let the flags of a message pass",
        "withdrawn": "withdrew somebody's votes",
        "removed": "deleted a message by the policy",
        "put_back": "restored a message that people approved",
        "purged": "erased somebody's messages",
    }
)
"""Acts in the log; one that is not here is shown by its name."""

ROUTINE: Final = frozenset(
    {"reply", "review", "rank", "skipped", "unskipped", "given back", "expired", "reacted"}
)
"""Acts of contributors, of which a tree has dozens."""


def log_words(act: str) -> str:
    """An act of the log in words."""
    return LOG_WORDS.get(act) or act.replace("_", " ")


def ordinal(place: int) -> str:
    """A place, such as 1st."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10)
    return f"{place}{ending or 'th'}"


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as `2 reviews`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
