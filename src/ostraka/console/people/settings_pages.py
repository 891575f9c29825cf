"""Everybody's own settings: password, keys, theme, what is softened, where they are signed in."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access import people
from ostraka.access.sessions import open_sessions, revoke_session, revoke_sessions
from ostraka.console.pages import Pages
from ostraka.console.people.handling import (
    form_of,
    idle_of,
    now,
    reading,
    session_id_of,
    somebody,
    writing,
)
from ostraka.console.preferences import COOKIE, THEMES, Preferences, preferences_of
from ostraka.console.shortcuts import SHORTCUTS, check_keys
from ostraka.errors import CallerError, InvalidInputError

_YEAR = 365 * 24 * 3600


class SettingsPages:
    """The handlers."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """All of one's own settings."""
        return await self._page(request)

    async def password(self, request: Request) -> Response:
        """Set or change the password; ends all other sessions."""
        fields = await form_of(request)
        person, this = somebody(request), session_id_of(request)

        def changed(session: Session) -> None:
            current = fields.get("current", "")
            if person.has_password and not people.has_password(session, person.id, current):
                raise InvalidInputError(
                    "This is not your current password. Nothing was changed.", field="current"
                )
            password, moment = fields.get("password", ""), now()
            people.set_password(session, person.id, password, moment, by=person.id)
            revoke_sessions(session, person.id, moment, but=this, by=person.id)

        if person.is_local:
            raise InvalidInputError("Nobody is signed in here, so there is no password to change.")
        try:
            await writing(request, changed)
        except CallerError as error:
            return await self._page(request, refused=error)
        return RedirectResponse("/settings?saved=password", 303)

    async def look(self, request: Request) -> Response:
        """Theme, single keys, what is softened."""
        fields = await form_of(request)
        wanted = replace(
            preferences_of(request, somebody(request)),
            theme=_theme(fields.get("theme", "system")),
            single_keys="single_keys" in fields,
            soften_words="soften_words" in fields,
            blur_media="blur_media" in fields,
        )
        return await self._keep(request, wanted, "look")

    async def keys(self, request: Request) -> Response:
        """The keys of acts; without a value, ours again."""
        fields = await form_of(request)
        wanted = {
            name.removeprefix("key."): key
            for name, key in fields.items()
            if name.startswith("key.") and "reset" not in fields
        }
        try:
            keys = check_keys(wanted)
        except CallerError as error:
            return await self._page(request, refused=error, sent_keys=wanted)
        known = preferences_of(request, somebody(request))
        return await self._keep(request, replace(known, keys=keys), "keys")

    async def choose(self, request: Request) -> Response:
        """One choice, made in the frame of a page."""
        fields = await form_of(request)
        known = preferences_of(request, somebody(request))
        name, value = fields.get("name"), fields.get("value", "")
        if name == "theme":
            wanted = replace(known, theme=_theme(value))
        elif name == "single_keys" and value in ("on", "off"):
            wanted = replace(known, single_keys=value == "on")
        else:
            raise InvalidInputError("There is no such choice.", field="name")
        answer = await self._keep(request, wanted, "")
        answer.status_code = 204
        return answer

    async def end_session(self, request: Request) -> Response:
        """End one of one's own sessions, or all others."""
        await form_of(request)
        person, this = somebody(request), session_id_of(request)
        session_id = request.path_params.get("session_id")

        def ended(session: Session) -> None:
            if session_id is None:
                revoke_sessions(session, person.id, now(), but=this, by=person.id)
            else:
                revoke_session(session, person.id, session_id, now(), by=person.id)

        await writing(request, ended)
        return RedirectResponse("/settings?saved=sessions", 303)

    async def _keep(self, request: Request, wanted: Preferences, saved: str) -> Response:
        person = somebody(request)
        response = RedirectResponse(f"/settings?saved={saved}", 303)
        if person.is_local:
            secure = request.url.scheme == "https"
            response.set_cookie(
                COOKIE,
                wanted.as_cookie(),
                max_age=_YEAR,
                secure=secure,
                httponly=True,
                samesite="lax",
            )
            return response
        await writing(
            request,
            lambda session: people.set_preferences(session, person.id, wanted.as_dict()),
        )
        return response

    async def _page(
        self,
        request: Request,
        refused: CallerError | None = None,
        sent_keys: dict[str, str] | None = None,
    ) -> Response:
        person = somebody(request)
        sessions: list[Any] = []
        if not person.is_local:
            sessions = await reading(
                request,
                lambda session: open_sessions(session, [person.id], now(), idle_of(request)),
            )
        preferences = preferences_of(request, person)
        return self._pages.page(
            request,
            "people/settings.html",
            here="/settings",
            status=refused.status if refused else 200,
            person=person,
            sessions=sessions,
            this_session=session_id_of(request),
            preferences=preferences,
            themes=THEMES,
            shortcuts=SHORTCUTS,
            keys_shown=preferences.all_keys | (sent_keys or {}),
            refused=refused,
            saved=request.query_params.get("saved", ""),
        )


def _theme(value: str) -> str:
    if value not in THEMES:
        raise InvalidInputError(f"There is no theme '{value[:20]}'.", field="theme")
    return value
