"""The playground: a text in, everything the classifier says about it out.

One page, rendered here with or without a result; the script of the page asks for the same page
and takes the parts that changed. Nothing that is typed is stored, logged or put into an address.
"""

import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.console.access import read_form
from ostraka.console.calls import Call, calls, remarks
from ostraka.console.examples import BY_NAME, EXAMPLES
from ostraka.console.pages import Pages
from ostraka.console.services import Services, asks_for_key, needs_key, services_of
from ostraka.console.vocabularies import VOCABULARIES, Row, Vocabulary, flagged_elsewhere, rows
from ostraka.console.words import JUDGE_STAGE, Reasons, longest_explained, reasons
from ostraka.errors import (
    CallerError,
    InvalidInputError,
    JudgeError,
    OverloadedError,
    TooLargeError,
)
from ostraka.judge.meter import fault_of
from ostraka.moderator import DEFAULT_MODEL, Verdict
from ostraka.taxonomy import Category


@dataclass(frozen=True, slots=True)
class Entry:
    """What the form holds."""

    text: str = ""
    model: str = DEFAULT_MODEL
    vocabulary: Vocabulary = VOCABULARIES["everything"]


@dataclass(frozen=True, slots=True)
class Result:
    """What the page shows of a verdict."""

    verdict: Verdict
    rows: list[Row]
    unanswered: list[str]
    elsewhere: list[Category]
    reasons: list[Reasons]
    unexplained: str
    calls: list[Call]
    remarks: list[str]
    milliseconds: float

    @property
    def flagged(self) -> list[Row]:
        """The rows at or above their threshold."""
        return [row for row in self.rows if row.flagged]

    @property
    def by_log_probabilities(self) -> list[str]:
        """The names whose probabilities are those of the judge's own tokens."""
        return [row.name for row in self.rows if self._basis(row) == "logprobs"]

    @property
    def by_statement(self) -> list[str]:
        """The names whose probabilities the judge wrote down as numbers."""
        return [row.name for row in self.rows if self._basis(row) == "stated"]

    @property
    def before_the_judge(self) -> list[str]:
        """The names that the judge's policy lacks, where its stage answered."""
        asked = bool(self.verdict.sources)
        return [row.name for row in self.rows if asked and not self._basis(row)]

    @property
    def uncalibrated(self) -> list[str]:
        """The names whose probabilities are as the judge gave them."""
        sources = self.verdict.sources
        return [
            row.name
            for row in self.rows
            if row.category in sources and not sources[row.category].calibrated
        ]

    def _basis(self, row: Row) -> str:
        source = self.verdict.sources.get(row.category)
        return "" if source is None else source.basis

    @property
    def short_digest(self) -> str:
        """The first digits of the model's digest."""
        return self.verdict.model.rpartition(":")[2][:12]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no result: what went wrong, and what to do next."""

    title: str
    advice: str


class Playground:
    """The handlers."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The page, empty."""
        return self._page(request, Entry())

    async def back(self, request: Request) -> Response:
        """Somebody opened the form's target in the address bar."""
        return RedirectResponse("/", 303)

    async def score(self, request: Request) -> Response:
        """The page with a result, or with the reason why there is none."""
        services = services_of(request)
        entry = Entry()
        try:
            entry = await _entry(request, services)
            _check(entry.text, services.settings.max_text_characters)
            result = await self._result(request, services, entry)
        except OverloadedError as error:
            refusal = Refusal(
                "The server is busy.",
                f"Your text is still here. Try again in {error.retry_after:g} s.",
            )
            headers = {"retry-after": f"{error.retry_after:g}"}
            return self._page(request, entry, refusal=refusal, status=429, headers=headers)
        except CallerError as error:
            refusal = Refusal(error.message, _advice(entry.text, error))
            return self._page(request, entry, refusal=refusal, status=error.status)
        except JudgeError as error:
            refusal = Refusal(
                f"The LLM judge gave no answer that can be used ({fault_of(error)}).",
                "So there is no score: neither high nor low. Your text is still here.",
            )
            return self._page(request, entry, refusal=refusal, status=502)
        return self._page(request, entry, result=result)

    async def _result(self, request: Request, services: Services, entry: Entry) -> Result:
        started = time.perf_counter()
        [verdict] = await services.scoring.verdicts([entry.text], entry.model)
        milliseconds = (time.perf_counter() - started) * 1000
        view = entry.vocabulary.view
        thresholds = {each: services.moderator.threshold(each) for each in verdict.scores}
        answered, unanswered = rows(view, verdict, thresholds)
        why, unexplained = await _explain(services, entry.text, verdict, answered)
        return Result(
            verdict=verdict,
            rows=answered,
            unanswered=unanswered,
            elsewhere=flagged_elsewhere(view, verdict),
            reasons=why,
            unexplained=unexplained,
            calls=calls(
                self._pages,
                entry.vocabulary,
                address=str(request.base_url).rstrip("/"),
                text=entry.text,
                model=entry.model,
                answered=answered,
                needs_key=needs_key(request),
            ),
            remarks=remarks(entry.vocabulary, text=entry.text, model=entry.model),
            milliseconds=milliseconds,
        )

    def _page(
        self,
        request: Request,
        entry: Entry,
        *,
        result: Result | None = None,
        refusal: Refusal | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        services = services_of(request)
        context: dict[str, Any] = {
            "entry": entry,
            "result": result,
            "refusal": refusal,
            "models": services.moderator.models,
            "vocabularies": VOCABULARIES.values(),
            "examples": EXAMPLES,
            "limit": services.settings.max_text_characters,
            "needs_key": asks_for_key(request),
        }
        return self._pages.page(
            request, "playground.html", here="/", status=status, headers=headers, **context
        )


async def _entry(request: Request, services: Services) -> Entry:
    """The fields of the form.

    Raises:
        CallerError: it is not our form, is too large, or was sent from another site.
        InvalidInputError: a vocabulary that does not exist.
    """
    fields = await read_form(request, services.settings.max_body_bytes)
    name = fields.get("vocabulary", "everything")
    if name not in VOCABULARIES:
        raise InvalidInputError(f"There is no vocabulary '{name}'.", field="vocabulary")
    example = BY_NAME.get(fields.get("example", ""))
    text = example.text if example else fields.get("text", "")
    return Entry(text, fields.get("model", DEFAULT_MODEL), VOCABULARIES[name])


def _check(text: str, limit: int) -> None:
    if not text.strip():
        raise InvalidInputError("There is no text to score yet. Type or paste one.", field="text")
    if len(text) > limit:
        raise TooLargeError(
            f"Your text has {len(text):,} characters, and this server takes at most {limit:,}.",
            field="text",
        )


def _advice(text: str, error: CallerError) -> str:
    if isinstance(error, TooLargeError):
        return "Nothing was scored. Shorten the text, or send it in parts."
    return "Your text is still here." if text else ""


async def _explain(
    services: Services, text: str, verdict: Verdict, answered: list[Row]
) -> tuple[list[Reasons], str]:
    """The reasons, or else why there are none. A busy queue costs the reasons, not the scores."""
    if verdict.stage == JUDGE_STAGE:
        return (
            [],
            "The LLM judge gave its reason above. Leaving words out would ask it once for each.",
        )
    longest = longest_explained(verdict.stage)
    if len(text) > longest:
        return [], (
            f"The scores are for the whole text. Single words are tried in texts of up to "
            f"{longest:,} characters."
        )
    try:
        return await reasons(services.scoring, text, verdict, answered), ""
    except OverloadedError:
        return [], "The server is too busy to try single words right now. The scores stand."
