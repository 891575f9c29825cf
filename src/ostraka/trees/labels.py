"""What reviewers may say of a message: one table of labels, with the widget for each."""

from dataclasses import dataclass
from typing import Final, Literal

Widget = Literal["yes_no", "flag", "likert"]


@dataclass(frozen=True, slots=True)
class Label:
    """One thing to say of a message, from 0 (not at all) to 1."""

    name: str
    widget: Widget
    display_text: str
    help_text: str = ""


SPAM: Final = "spam"
LANGUAGE_MISMATCH: Final = "lang_mismatch"
QUALITY: Final = "quality"

ALL: Final = (
    Label(SPAM, "yes_no", "It is spam", "Deliberately poor, or off topic."),
    Label("fails_task", "yes_no", "It does not do what was asked"),
    Label(LANGUAGE_MISMATCH, "flag", "It is in another language"),
    Label("pii", "flag", "It holds personal data"),
    Label("not_appropriate", "flag", "It is not appropriate"),
    Label("hate_speech", "flag", "It is hate speech"),
    Label("sexual_content", "flag", "It is sexual"),
    Label("moral_judgement", "flag", "It judges morally"),
    Label("political_content", "flag", "It takes a political side"),
    Label(QUALITY, "likert", "Its quality", "From poor to very good."),
    Label("toxicity", "likert", "How rude it is", "From polite to rude."),
    Label("humor", "likert", "How funny it is", "From serious to funny."),
    Label("helpfulness", "likert", "How helpful it is", "From useless to very helpful."),
    Label("creativity", "likert", "How creative it is", "From ordinary to creative."),
    Label("violence", "likert", "How violent it is", "From harmless to violent."),
)
NAMES: Final = tuple(label.name for label in ALL)

PROMPTER_LABELS: Final = (
    SPAM,
    LANGUAGE_MISMATCH,
    QUALITY,
    "creativity",
    "humor",
    "toxicity",
    "violence",
    "not_appropriate",
    "pii",
    "hate_speech",
    "sexual_content",
)
ASSISTANT_LABELS: Final = (
    SPAM,
    LANGUAGE_MISMATCH,
    "fails_task",
    QUALITY,
    "helpfulness",
    *PROMPTER_LABELS[3:],
)
REPORT_LABELS: Final = (
    SPAM,
    "not_appropriate",
    "pii",
    "hate_speech",
    "sexual_content",
    "moral_judgement",
    "political_content",
    "toxicity",
    "violence",
    QUALITY,
)
