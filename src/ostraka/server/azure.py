"""Azure AI Content Safety's door: `POST /contentsafety/text:analyze`.

Severity comes from probability: a stated step function, since the original's is not published.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import InvalidInputError
from ostraka.server.body import read_object
from ostraka.server.envelopes import json_response
from ostraka.server.state import state_of
from ostraka.taxonomy import AZURE

MAXIMUM_CHARACTERS: Final = 10_000
_OUTPUT_TYPES: Final = ("FourSeverityLevels", "EightSeverityLevels")


async def analyze_text(request: Request) -> Response:
    """Severity per category of one text."""
    state = state_of(request)
    body = await read_object(request, state.settings)
    text = body.get("text")
    if not isinstance(text, str) or not text:
        raise InvalidInputError("The field 'text' must be a non-empty string.", field="text")
    if len(text) > MAXIMUM_CHARACTERS:
        raise InvalidInputError(
            f"The field 'text' has {len(text)} characters; at most {MAXIMUM_CHARACTERS}.",
            field="text",
        )
    categories = _categories(body)
    levels = body.get("outputType", _OUTPUT_TYPES[0])
    if levels not in _OUTPUT_TYPES:
        raise InvalidInputError(
            f"The field 'outputType' must be one of {', '.join(_OUTPUT_TYPES)}.", field="outputType"
        )
    if not isinstance(body.get("haltOnBlocklistHit", False), bool | None):
        raise InvalidInputError(
            "The field 'haltOnBlocklistHit' must be true or false.", field="haltOnBlocklistHit"
        )
    if body.get("blocklistNames") not in (None, []):
        raise InvalidInputError(
            "The field 'blocklistNames' must be empty: blocklists are not supported here.",
            field="blocklistNames",
        )
    [verdict] = await state.scoring.verdicts([text])
    scores = AZURE.scores(verdict.scores)
    return json_response(
        {
            "blocklistsMatch": [],
            "categoriesAnalysis": [
                {"category": name, "severity": severity(scores[name], levels == _OUTPUT_TYPES[0])}
                for name in categories
                if name in scores
            ],
        }
    )


def severity(probability: float, four_levels: bool) -> int:
    """0 to 7 in equal steps of probability; with four levels the even number below."""
    level = min(7, int(probability * 8))
    return level - level % 2 if four_levels else level


def _categories(body: dict[str, Any]) -> list[str]:
    wanted = body.get("categories")
    if wanted is None or wanted == []:
        return list(AZURE.mapping)
    if not isinstance(wanted, list) or not all(name in AZURE.names for name in wanted):
        raise InvalidInputError(
            f"The field 'categories' must list some of {', '.join(AZURE.names)}.",
            field="categories",
        )
    return [str(name) for name in wanted]
