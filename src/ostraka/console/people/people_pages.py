"""People and API keys, for admins."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access import people
from ostraka.access.keys import Scope, parse_duration
from ostraka.access.links import make_link
from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.access.sessions import open_sessions, revoke_session, revoke_sessions
from ostraka.access.store import all_keys, create_key, revoke_key
from ostraka.console.pages import Pages
from ostraka.console.people.handling import (
    form_of,
    idle_of,
    link_address,
    now,
    reading,
    session_id_of,
    somebody,
    writing,
)
from ostraka.console.services import services_of
from ostraka.errors import CallerError, InvalidInputError

LIFETIMES = (("", "For ever"), ("30d", "30 days"), ("90d", "90 days"), ("52w", "A year"))


class PeoplePages:
    """The handlers."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def people(self, request: Request) -> Response:
        """Everybody, and the form that adds somebody."""
        return await self._people(request)

    async def add(self, request: Request) -> Response:
        """Add somebody, and show the link that signs them in."""
        fields, by = await form_of(request), somebody(request).id

        def added(session: Session) -> tuple[Person, str, datetime]:
            person = people.add_person(session, fields.get("name", ""), _role(fields), now(), by=by)
            return make_link(session, person.id, now(), self._link_lifetime(request), by=by)

        try:
            made = await writing(request, added)
        except CallerError as error:
            return await self._people(request, refused=error, sent=fields)
        was_open = somebody(request).is_local
        await services_of(request).access_changed()
        return await self._people(request, made=made, closes=was_open)

    async def person(self, request: Request) -> Response:
        """One person: role, ways in, sessions."""
        return await self._person(request)

    async def set_role(self, request: Request) -> Response:
        """Give somebody another role."""
        fields = await form_of(request)
        role, by = _role(fields), somebody(request).id
        return await self._change(
            request, lambda s, who: people.set_role(s, who, role, now(), by=by)
        )

    async def disable(self, request: Request) -> Response:
        """Let somebody in no more."""
        await form_of(request)
        by = somebody(request).id
        return await self._change(request, lambda s, who: people.disable(s, who, now(), by=by))

    async def enable(self, request: Request) -> Response:
        """Let somebody in again."""
        await form_of(request)
        by = somebody(request).id
        return await self._change(request, lambda s, who: people.enable(s, who, now(), by=by))

    async def link(self, request: Request) -> Response:
        """Make a link that signs somebody in, and show it once."""
        await form_of(request)
        lifetime = self._link_lifetime(request)
        who, by = request.path_params["person_id"], somebody(request).id
        try:
            made = await writing(
                request, lambda session: make_link(session, who, now(), lifetime, by=by)
            )
        except CallerError as error:
            return await self._person(request, refused=error)
        return await self._person(request, made=made)

    async def end_session(self, request: Request) -> Response:
        """End one session of somebody, or all of them."""
        await form_of(request)
        session_id, by = request.path_params.get("session_id"), somebody(request).id

        def ended(session: Session, who: str) -> None:
            if session_id is None:
                revoke_sessions(session, who, now(), by=by)
            else:
                revoke_session(session, who, session_id, now(), by=by)

        return await self._change(request, ended)

    async def keys(self, request: Request) -> Response:
        """All API keys, and the form that makes one."""
        return await self._keys(request)

    async def create_key(self, request: Request) -> Response:
        """Make a key, and show its secret once."""
        fields, by = await form_of(request), somebody(request).id
        try:
            scopes = [scope for scope in Scope if f"scope.{scope}" in fields]
            expires = fields.get("expires", "")
            lifetime = parse_duration(expires) if expires else None
            made = await writing(
                request,
                lambda session: create_key(
                    session, fields.get("name", ""), scopes, now(), lifetime, by=by
                ),
            )
        except CallerError as error:
            return await self._keys(request, refused=error, sent=fields)
        was_open = somebody(request).is_local
        await services_of(request).access_changed()
        return await self._keys(request, made=made, closes=was_open)

    async def revoke_key(self, request: Request) -> Response:
        """Make a key worthless."""
        await form_of(request)
        key_id, by = request.path_params["key_id"], somebody(request).id
        await writing(request, lambda session: revoke_key(session, key_id, now(), by=by))
        await services_of(request).access_changed()
        return RedirectResponse("/people/keys", 303)

    async def _people(self, request: Request, **shown: Any) -> Response:
        idle = idle_of(request)

        def found(session: Session) -> tuple[list[Person], dict[str, datetime]]:
            everybody = people.all_people(session)
            last = open_sessions(session, [person.id for person in everybody], now(), idle)
            return everybody, {each.person_id: each.last_seen_at for each in reversed(last)}

        everybody, seen = await reading(request, found)
        return self._page(request, "people", everybody=everybody, seen=seen, **shown)

    async def _person(self, request: Request, **shown: Any) -> Response:
        who = request.path_params["person_id"]
        person = await reading(request, lambda session: people.find_person(session, who))
        sessions = await reading(
            request, lambda session: open_sessions(session, [person.id], now(), idle_of(request))
        )
        return self._page(
            request,
            "person",
            person=person,
            sessions=sessions,
            this_session=session_id_of(request),
            **shown,
        )

    async def _keys(self, request: Request, **shown: Any) -> Response:
        keys = await reading(request, all_keys)
        keys.sort(key=lambda key: (key.is_active(now()), key.created_at), reverse=True)
        return self._page(
            request,
            "keys",
            api_keys=keys,
            moment=now(),
            scopes=list(Scope),
            lifetimes=LIFETIMES,
            **shown,
        )

    async def _change(self, request: Request, change: Callable[[Session, str], Any]) -> Response:
        who = request.path_params["person_id"]
        try:
            await writing(request, lambda session: change(session, who))
        except CallerError as error:
            return await self._person(request, refused=error)
        return RedirectResponse(f"/people/{who}", 303)

    def _page(self, request: Request, name: str, **context: Any) -> Response:
        made = context.get("made")
        refused: CallerError | None = context.get("refused")
        if made is not None and name != "keys":
            context["link"] = link_address(request, made[1])
        defaults: dict[str, Any] = {
            "made": None,
            "refused": None,
            "link": "",
            "closes": False,
            "sent": {},
        }
        return self._pages.page(
            request,
            f"people/{name}.html",
            here="/people",
            status=refused.status if refused else 200,
            roles=list(Role),
            **(defaults | context),
        )

    def _link_lifetime(self, request: Request) -> timedelta:
        return timedelta(hours=services_of(request).settings.sign_in_link_hours)


def _role(fields: dict[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError as error:
        raise InvalidInputError(
            f"Choose a role: {', '.join(role.label for role in Role)}.", field="role"
        ) from error
