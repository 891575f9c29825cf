"""Azure AI Content Safety's door, described."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ostraka.server.description.operation import Operation, Parameter
from ostraka.server.envelopes import Dialect

AzureCategory = Literal["Hate", "SelfHarm", "Sexual", "Violence"]


class AnalyzeTextRequest(Struct, rename="camel"):
    """A text, and what is asked of it."""

    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    categories: list[AzureCategory] | UnsetType | None = UNSET
    output_type: Literal["FourSeverityLevels", "EightSeverityLevels"] | UnsetType = UNSET
    blocklist_names: (
        Annotated[list[str], Meta(max_length=0, description="Blocklists are not supported.")]
        | UnsetType
        | None
    ) = UNSET
    halt_on_blocklist_hit: bool | UnsetType | None = UNSET


class CategoryAnalysis(Struct, forbid_unknown_fields=True):
    """A category's severity, in equal steps of its probability."""

    category: AzureCategory
    severity: Annotated[int, Meta(ge=0, le=7)]


class AnalyzeTextAnswer(Struct, forbid_unknown_fields=True, rename="camel"):
    """Severity per category."""

    blocklists_match: list[dict[str, Any]]
    categories_analysis: list[CategoryAnalysis]


OPERATIONS: Final = (
    Operation(
        id="azure_analyze_text",
        method="post",
        path="/contentsafety/text:analyze",
        tag="Azure AI Content Safety",
        summary="Severity of a text",
        request=AnalyzeTextRequest,
        shapes=(AnalyzeTextAnswer,),
        dialects=(Dialect.AZURE,),
        parameters=(Parameter("api-version", "query", "Taken and not looked at.", "2024-09-01"),),
        requests={
            "all categories": {"text": "I will find you and hurt you."},
            "one category": {
                "text": "I will find you and hurt you.",
                "categories": ["Violence"],
                "outputType": "EightSeverityLevels",
            },
        },
        answers={
            "one category": AnalyzeTextAnswer(
                blocklists_match=[], categories_analysis=[CategoryAnalysis("Violence", 6)]
            )
        },
    ),
)
