"""The options of commands that ask a judge or read what one said."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ostraka.judge.turns import ConversationFormat

_ASK, _READ, _WRITE = "Asking", "Reading", "Writing"


class LabelOrder(StrEnum):
    """How the labels are listed in the prompt."""

    GIVEN = "given"
    REVERSED = "reversed"


BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The OpenAI-compatible server. [dim]judge_url[/]",
        rich_help_panel=_ASK,
    ),
]
JudgeModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The judge. [dim]judge_model, or the first that the server lists[/]",
        rich_help_panel=_ASK,
    ),
]
MaxInFlight = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most questions at a time; fewer are found out. [dim]judge_max_in_flight[/]",
        rich_help_panel=_ASK,
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(min=0, help="Stop after so long; the same command goes on.", rich_help_panel=_ASK),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Keep answers here. [dim]in the data folder[/]", rich_help_panel=_ASK
    ),
]
Conversations = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="JSONL of turns, OpenAI chats, ShareGPT or Open Assistant trees, also .gz and .zst; "
        "'-' reads standard input.",
    ),
]
Form = Annotated[
    ConversationFormat | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="turns, openai, sharegpt or oasst. [dim]each row's keys tell[/]",
        rich_help_panel=_READ,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Label document. [dim]judge_labels, or the seven labels[/]"),
]
Strict = Annotated[
    bool,
    typer.Option(help="Stop at the first row that holds no conversation.", rich_help_panel=_READ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Confidence from which an opinion counts. [dim]the document's[/]"
    ),
]
Order = Annotated[LabelOrder, typer.Option(help="'reversed' lists the labels the other way round.")]
Seed = Annotated[
    int | None,
    typer.Option(help="Sent to the server; another seed asks anew.", rich_help_panel=_ASK),
]
Temperature = Annotated[
    float, typer.Option(min=0, max=2, help="0 always says the same.", rich_help_panel=_ASK)
]
MaxTokens = Annotated[int, typer.Option(min=16, help="Longest answer.", rich_help_panel=_ASK)]
Extra = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="More of the request's body: the server's options. [dim]judge_extra[/]",
        rich_help_panel=_ASK,
    ),
]
History = Annotated[
    bool,
    typer.Option(
        help="Write what came before each question, too; long chats grow.", rich_help_panel=_WRITE
    ),
]
Restart = Annotated[
    bool, typer.Option(help="Begin again, and replace OUT.", rich_help_panel=_WRITE)
]
