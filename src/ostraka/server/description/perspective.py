"""Perspective's door, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.server.description.operation import Operation
from ostraka.server.envelopes import Dialect

Probability = Annotated[float, Meta(ge=0, le=1)]


class Comment(Struct):
    """A plain text of at most 20 KiB, not blank."""

    text: Annotated[str, Meta(pattern=r"[^\s\x1c-\x1f\x85]", max_length=20_480)]
    type: Literal["PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED"] | UnsetType = UNSET


class RequestedAttribute(Struct, rename="camel"):
    """How an attribute is wanted; scores below the threshold are left out of the answer."""

    score_type: Literal["PROBABILITY", "SCORE_TYPE_UNSPECIFIED"] | UnsetType = UNSET
    score_threshold: float | UnsetType = UNSET


class AnalyzeCommentRequest(Struct, rename="camel"):
    """A comment, and the attributes to score."""

    comment: Comment
    requested_attributes: Annotated[dict[str, RequestedAttribute], Meta(min_length=1)]
    languages: (
        Annotated[list[Annotated[str, Meta(pattern="^[eE][nN](-|$)")]], Meta()] | UnsetType
    ) = UNSET
    context: (
        Annotated[
            dict[str, Any],
            Meta(
                description="Taken and not looked at: either `entries` or "
                "`articleAndParentComment`.",
                extra_json_schema={"not": {"required": ["entries", "articleAndParentComment"]}},
            ),
        ]
        | UnsetType
    ) = UNSET
    span_annotations: bool | UnsetType | None = UNSET
    do_not_store: bool | UnsetType | None = UNSET
    drop_unsupported_attributes: bool | UnsetType | None = UNSET
    client_token: str | UnsetType | None = UNSET
    session_id: str | UnsetType | None = UNSET
    community_id: str | UnsetType | None = UNSET


class Score(Struct, forbid_unknown_fields=True):
    """A probability."""

    value: Probability
    type: Literal["PROBABILITY"]


class SpanScore(Struct, forbid_unknown_fields=True):
    """The score of a part of the comment, from `begin` to before `end`, in code points."""

    begin: int
    end: int
    score: Score


class AttributeScores(Struct, forbid_unknown_fields=True, rename="camel"):
    """What is said of one attribute."""

    span_scores: list[SpanScore]
    summary_score: Score


class AnalyzeCommentAnswer(Struct, forbid_unknown_fields=True, rename="camel"):
    """Scores by attribute; left out where every one is below its threshold."""

    languages: list[str]
    detected_languages: list[str]
    attribute_scores: dict[str, AttributeScores] | UnsetType = UNSET
    client_token: str | UnsetType = UNSET


class SuggestedValue(Struct):
    """The probability that you would give."""

    value: Probability


class SuggestedScore(Struct, rename="camel"):
    """Your score of one attribute."""

    summary_score: SuggestedValue


class SuggestCommentScoreRequest(Struct, rename="camel"):
    """A comment, and the scores that it should have had; kept unless `doNotStore`."""

    comment: Annotated[
        Comment,
        Meta(extra_json_schema={"properties": {"text": {"pattern": "^[^\\u0000]*$"}}}),
    ]
    attribute_scores: Annotated[
        dict[Annotated[str, Meta(max_length=100, pattern="^[^\\u0000]*$")], SuggestedScore],
        Meta(min_length=1, max_length=100),
    ]
    languages: (
        Annotated[
            list[Annotated[str, Meta(max_length=35, pattern="^[^\\u0000]*$")]],
            Meta(max_length=100),
        ]
        | UnsetType
    ) = UNSET
    client_token: (
        Annotated[str, Meta(max_length=1000, pattern="^[^\\u0000]*$")] | UnsetType | None
    ) = UNSET
    community_id: (
        Annotated[str, Meta(max_length=200, pattern="^[^\\u0000]*$")] | UnsetType | None
    ) = UNSET
    do_not_store: bool | UnsetType | None = UNSET


class SuggestCommentScoreAnswer(Struct, forbid_unknown_fields=True, rename="camel"):
    """The suggestion was taken."""

    detected_languages: list[str]
    client_token: str | UnsetType = UNSET


_COMMENT: Final = {"text": "You are a stupid idiot."}
_ANALYZE: Final = {
    "one attribute": {"comment": _COMMENT, "requestedAttributes": {"TOXICITY": {}}},
    "per sentence": {
        "comment": _COMMENT,
        "requestedAttributes": {"TOXICITY": {"scoreThreshold": 0.5}, "INSULT": {}},
        "languages": ["en"],
        "spanAnnotations": True,
    },
}
_HIGH: Final = Score(value=0.9412, type="PROBABILITY")
_ANSWER: Final = AnalyzeCommentAnswer(
    languages=["en"],
    detected_languages=["en"],
    attribute_scores={"TOXICITY": AttributeScores([SpanScore(0, 23, _HIGH)], _HIGH)},
)

OPERATIONS: Final = (
    Operation(
        id="analyze_comment",
        method="post",
        path="/v1alpha1/comments:analyze",
        tag="Perspective",
        summary="Score a comment",
        request=AnalyzeCommentRequest,
        shapes=(AnalyzeCommentAnswer,),
        dialects=(Dialect.GOOGLE,),
        requests=_ANALYZE,
        answers={"one attribute": _ANSWER},
    ),
    Operation(
        id="suggest_comment_score",
        method="post",
        path="/v1alpha1/comments:suggestscore",
        tag="Perspective",
        summary="Suggest a comment's scores",
        request=SuggestCommentScoreRequest,
        shapes=(SuggestCommentScoreAnswer,),
        dialects=(Dialect.GOOGLE,),
        requests={
            "not kept": {
                "comment": _COMMENT,
                "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1.0}}},
                "doNotStore": True,
            }
        },
    ),
    Operation(
        id="discover",
        method="get",
        path="/$discovery/rest",
        tag="Perspective",
        summary="The document that Google's clients are built from",
        shapes=(dict[str, Any],),
        dialects=(Dialect.GOOGLE,),
        secured=False,
    ),
)
