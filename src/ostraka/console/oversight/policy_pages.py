"""The handlers of policies: look at them, write them, test them, put them to work."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.console.oversight.backtests import WINDOWS, backtest_view
from ostraka.console.oversight.handling import Handlers
from ostraka.console.oversight.policies import (
    Checked,
    PolicyView,
    all_policies,
    check_text,
    policy_view,
)
from ostraka.console.oversight.shadow_runs import shadow_view
from ostraka.console.review.handling import change, choice, do, form_of, look, path_value
from ostraka.console.review.room import Room, Viewer, room_of
from ostraka.console.review.softening import SoftWords
from ostraka.console.services import services_of
from ostraka.errors import CallerError, InvalidInputError, NotFoundError, OverloadedError
from ostraka.moderator import Verdict
from ostraka.policy.advice import untested
from ostraka.policy.compiled import Policy
from ostraka.policy.testing import run_examples, scorer_of, texts_of
from ostraka.review.backtest import keep, replay
from ostraka.review.promoting import Promotion, promote
from ostraka.review.replaying import Window

HERE = "/policies"


class PolicyPages(Handlers):
    """One per process."""

    async def policies(self, request: Request) -> Response:
        """Every version, and what happened to them."""
        found = await look(request, all_policies)
        return self.page(request, "policies", here=HERE, found=found)

    async def policy(self, request: Request) -> Response:
        """One version: what differs from the one that acts, and what it says."""
        return self._tab(request, "policy", await self._view(request))

    async def document(self, request: Request) -> Response:
        """The text as it was written."""
        return self._tab(request, "policy_document", await self._view(request))

    async def examples(self, request: Request) -> Response:
        """Its own examples, run with the classifier at hand."""
        view = await self._view(request)
        verdicts, obstacle = await _scored(request, view.policy)
        results = run_examples(view.policy, scorer_of(verdicts))
        return self._tab(
            request,
            "policy_examples",
            view,
            results=results,
            obstacle=obstacle,
            untested=untested(view.policy.document, results),
        )

    async def backtest(self, request: Request) -> Response:
        """What it would have done with stored items."""
        digest = path_value(request, "digest")
        view, found = await look(
            request,
            lambda room, session, viewer: (
                (view := policy_view(room, session, viewer, digest)),
                backtest_view(session, view.backtest),
            ),
        )
        soft = await _soft(request, found.texts if found else ())
        return self._tab(request, "policy_backtest", view, found=found, soft=soft, windows=WINDOWS)

    async def shadow(self, request: Request) -> Response:
        """What it said of live traffic beside what acted."""
        digest = path_value(request, "digest")
        minimum = services_of(request).settings.shadow_minimum
        view, found = await look(
            request,
            lambda room, session, viewer: (
                (view := policy_view(room, session, viewer, digest)),
                shadow_view(session, view.version.digest, minimum),
            ),
        )
        soft = await _soft(request, found.texts)
        return self._tab(request, "policy_shadow", view, found=found, soft=soft)

    async def draft(self, request: Request) -> Response:
        """A form with the text of a version, to write the next one."""
        digest = request.query_params.get("from", "")

        def begin(room: Room, session: Session, viewer: Viewer) -> PolicyView:
            wanted = digest or room.policies.active(session).digest
            return policy_view(room, session, viewer, wanted)

        view = await look(request, begin)
        return self._form(request, view.text, "", base=view.version.name)

    async def write(self, request: Request) -> Response:
        """Check what was written, and keep it where that is wanted and nothing is wrong."""
        form = await form_of(request)
        text, note = form.get("document", ""), form.get("note", "").strip()
        active = await look(request, lambda room, session, _: room.policies.active(session))
        checked = await asyncio.to_thread(check_text, text, active)
        if checked.policy is not None:
            verdicts, _ = await _scored(request, checked.policy)
            if verdicts:
                checked = await asyncio.to_thread(check_text, text, active, verdicts)
        if checked.policy is None or form.get("act") != "keep":
            status = 200 if checked.policy is not None else 400
            return self._form(request, text, note, checked=checked, status=status)
        row_digest = await change(
            request,
            lambda room, session, viewer, moment: (
                room.policies.add(session, text, viewer.id, note, moment).digest
            ),
        )
        return _to(row_digest)

    async def start_backtest(self, request: Request) -> Response:
        """Replay a version on stored items."""
        form, digest = await form_of(request), path_value(request, "digest")
        newest = choice(form, "newest", list(WINDOWS)) or next(iter(WINDOWS))
        window = Window(newest=WINDOWS[newest][0])
        report = await do(
            request, lambda room, _: replay(room.database, room.policies, digest, window)
        )

        def kept(room: Room, session: Session, viewer: Viewer, moment: datetime) -> None:
            room.policies.kept(session, report.policy, moment)
            keep(session, report, viewer.id, moment)

        await change(request, kept)
        return _to(digest, "/backtest")

    async def activate(self, request: Request) -> Response:
        """Let a version act."""
        form, digest = await form_of(request), path_value(request, "digest")
        view = await self._view(request)
        verdicts, obstacle = await _scored(request, view.policy)

        def act(room: Room, session: Session, viewer: Viewer, moment: datetime) -> str:
            wanted = Promotion(
                room.policies.digest(session, digest),
                viewer.id,
                form.get("note", "").strip(),
                room.services.settings.shadow_minimum,
                score=scorer_of(verdicts),
                without_backtest=form.get("without_backtest") == "yes",
                without_shadow=form.get("without_shadow") == "yes",
            )
            return promote(session, room.policies, wanted, moment).policy_digest

        try:
            await change(request, act)
        except CallerError as error:
            if isinstance(error, NotFoundError):
                raise
            problem = f"{error.message} {obstacle}".strip()
            return self._tab(request, "policy", view, problem=problem, status=409)
        return _to(digest)

    async def rollback(self, request: Request) -> Response:
        """Let the version act that acted before."""
        form = await form_of(request)
        await change(
            request,
            lambda room, session, viewer, moment: room.policies.rollback(
                session, viewer.id, form.get("note", "").strip(), moment
            ),
        )
        return RedirectResponse(HERE, 303)

    async def start_shadow(self, request: Request) -> Response:
        """Let a version see live traffic without acting."""
        form, digest = await form_of(request), path_value(request, "digest")
        note = form.get("note", "").strip()
        await change(
            request,
            lambda room, session, viewer, moment: room.policies.start_shadow(
                session, room.policies.digest(session, digest), viewer.id, note, moment
            ),
        )
        return _to(digest, "/shadow")

    async def stop_shadow(self, request: Request) -> Response:
        """End a version's shadow run."""
        await form_of(request)
        digest = path_value(request, "digest")
        await change(
            request,
            lambda room, session, viewer, moment: room.policies.stop_shadow(
                session, room.policies.digest(session, digest), viewer.id, "", moment
            ),
        )
        return _to(digest, "/shadow")

    async def _view(self, request: Request) -> PolicyView:
        digest = path_value(request, "digest")
        return await look(
            request, lambda room, session, viewer: policy_view(room, session, viewer, digest)
        )

    def _tab(
        self, request: Request, name: str, view: PolicyView, *, status: int = 200, **context: Any
    ) -> Response:
        address = f"{HERE}/{view.version.short}"
        tabs = [
            ("What it changes", address),
            ("Document", f"{address}/document"),
            ("Examples", f"{address}/examples"),
            ("Backtest", f"{address}/backtest"),
            ("Shadow", f"{address}/shadow"),
        ]
        context = {"problem": ""} | context
        return self.page(
            request,
            name,
            here=HERE,
            status=status,
            view=view,
            shown=view.version,
            tabs=tabs,
            address=address,
            **context,
        )

    def _form(
        self,
        request: Request,
        text: str,
        note: str,
        *,
        base: str = "",
        checked: Checked | None = None,
        status: int = 200,
    ) -> Response:
        return self.page(
            request,
            "policy_draft",
            here=HERE,
            status=status,
            text=text,
            note=note,
            base=base,
            checked=checked,
            rows=min(40, max(16, text.count("\n") + 1)),
        )


def _to(digest: str, tab: str = "") -> RedirectResponse:
    short = digest.removeprefix("sha256:")[:12]
    return RedirectResponse(f"{HERE}/{quote(short)}{tab}", 303)


async def _scored(request: Request, policy: Policy) -> tuple[dict[str, Verdict], str]:
    """What the classifier says of the texts among a policy's examples; or why it does not."""
    texts = texts_of(policy)
    if not texts:
        return {}, ""
    try:
        verdicts = await services_of(request).scoring.verdicts(texts)
    except (OverloadedError, InvalidInputError) as error:
        return {}, error.message
    return dict(zip(texts, verdicts, strict=True)), ""


async def _soft(request: Request, texts: Sequence[str | None]) -> SoftWords:
    room = await asyncio.to_thread(room_of, request)
    return await room.softener.of(room.services.scoring, texts)
