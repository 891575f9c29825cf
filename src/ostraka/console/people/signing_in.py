"""The ways in: password, one-time link, the first admin's link, OIDC. And the way out."""

import asyncio
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.attempts import Attempts
from ostraka.access.browser import SESSION
from ostraka.access.links import UsedLinkError, look_at_link, use_link
from ostraka.access.passwords import is_password
from ostraka.access.people import (
    add_person,
    any_people,
    find_by_oidc,
    find_person,
    password_of,
    renew_hash,
    set_password,
)
from ostraka.access.person import Person
from ostraka.access.roles import Role
from ostraka.access.sessions import revoke_session
from ostraka.console.first import fits
from ostraka.console.frame import person_of, set_cookie
from ostraka.console.pages import Pages
from ostraka.console.people.handling import (
    address_of,
    first_place,
    form_of,
    now,
    reading,
    safe_target,
    session_id_of,
    welcome,
    writing,
)
from ostraka.console.people.oidc import Flow, Provider
from ostraka.console.services import services_of
from ostraka.errors import CallerError, NotFoundError, RateLimitError

_OIDC_COOKIE = "ostraka_oidc"
_OIDC_SECONDS = 600


class SignInPages:
    """One per process: it counts failed attempts."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._attempts: Attempts | None = None
        self._provider: Provider | None = None

    async def show(self, request: Request) -> Response:
        """The page that asks who is there."""
        person = person_of(request)
        target = safe_target(request.query_params.get("next", ""))
        if person is not None:
            return RedirectResponse(target or first_place(person), 303)
        return self._page(request, target=target)

    async def password(self, request: Request) -> Response:
        """Somebody says who they are, and their password."""
        fields = await form_of(request)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        target = safe_target(fields.get("next", ""))
        attempts, network = self._counted(request), _network(request)
        try:
            attempts.check(name, network)
        except RateLimitError as error:
            return self._page(request, refused=error, name=name, target=target)
        person_id, kept = await reading(request, lambda session: password_of(session, name))
        if not await asyncio.to_thread(is_password, kept, password) or person_id is None:
            attempts.fail(name, network)
            wrong = CallerError("Name and password do not fit together.")
            wrong.status = 401
            return self._page(request, refused=wrong, name=name, target=target)
        attempts.succeed(name, network)

        def renewed(session: Session) -> Person:
            renew_hash(session, person_id, password)
            return find_person(session, person_id)

        return await welcome(request, await writing(request, renewed), target)

    async def link(self, request: Request) -> Response:
        """A one-time link. Looking at it uses nothing up: mail scanners follow links too."""
        token = request.path_params["token"]
        attempts, network = self._counted(request), _network(request)
        attempts.check("", network)
        try:
            if request.method == "POST":
                await form_of(request)
                used = await writing(request, lambda session: use_link(session, token, now()))
                return await welcome(request, used)
            person = await reading(request, lambda session: look_at_link(session, token, now()))
        except UsedLinkError as error:
            attempts.fail("", network)
            return self._page(request, refused=error)
        return self._pages.page(request, "people/link.html", here="/sign-in", person=person)

    async def first(self, request: Request) -> Response:
        """The link that a server prints while there is nobody: whoever has it is the first."""
        attempts, network = self._counted(request), _network(request)
        attempts.check("", network)
        if not fits(request.app, request.path_params["token"]) or await reading(
            request, any_people
        ):
            attempts.fail("", network)
            return self._page(request, refused=UsedLinkError())
        if request.method != "POST":
            return self._first_page(request)
        fields = await form_of(request)

        def begun(session: Session) -> Person:
            if any_people(session):
                raise UsedLinkError
            person = add_person(session, fields.get("name", ""), Role.ADMIN, now())
            password = fields.get("password", "")
            return set_password(session, person.id, password, now(), by=person.id)

        try:
            person = await writing(request, begun)
        except UsedLinkError as error:
            return self._page(request, refused=error)
        except CallerError as error:
            return self._first_page(request, refused=error, name=fields.get("name", ""))
        await services_of(request).access_changed()
        return await welcome(request, person, "/people")

    async def oidc(self, request: Request) -> Response:
        """Off to the provider."""
        target = safe_target(request.query_params.get("next", ""))
        flow, address = await self._oidc(request).begin(_back(request), target)
        response = RedirectResponse(address, 303)
        set_cookie(request, response, _OIDC_COOKIE, flow.as_cookie(), _OIDC_SECONDS)
        return response

    async def oidc_back(self, request: Request) -> Response:
        """Back from the provider."""
        try:
            flow = Flow.of_request(request, _OIDC_COOKIE)
            told = await self._oidc(request).finish(flow, _back(request), request.query_params)
            role = services_of(request).settings.oidc_role
            person = await writing(
                request,
                lambda session: find_by_oidc(
                    session, told.subject, told.email, Role(role) if role else None, now()
                ),
            )
        except CallerError as error:
            return self._page(request, refused=error)
        await services_of(request).access_changed()
        response = await welcome(request, person, flow.target)
        set_cookie(request, response, _OIDC_COOKIE, "", 0)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End this session, here and in the database."""
        await form_of(request)
        person, session_id = person_of(request), session_id_of(request)
        if person is not None and session_id is not None:
            await writing(
                request,
                lambda session: revoke_session(session, person.id, session_id, now(), by=person.id),
            )
        response = RedirectResponse("/sign-in?out=1", 303)
        set_cookie(request, response, SESSION, "", 0)
        return response

    def _page(
        self,
        request: Request,
        *,
        refused: CallerError | None = None,
        name: str = "",
        target: str = "",
    ) -> Response:
        settings = services_of(request).settings
        headers = {}
        if isinstance(refused, RateLimitError):
            headers["retry-after"] = str(round(refused.retry_after))
        return self._pages.page(
            request,
            "people/sign_in.html",
            here="/sign-in",
            status=refused.status if refused else 200,
            headers=headers,
            refused=refused,
            name=name,
            target=target,
            quoted_target=quote(target, safe=""),
            is_out=request.query_params.get("out") == "1",
            oidc_label=settings.oidc_label if settings.oidc_issuer else "",
            any_people=bool(request.scope.get("ostraka.people")),
        )

    def _first_page(
        self, request: Request, refused: CallerError | None = None, name: str = "admin"
    ) -> Response:
        return self._pages.page(
            request,
            "people/first.html",
            here="/sign-in",
            status=refused.status if refused else 200,
            refused=refused,
            name=name,
        )

    def _counted(self, request: Request) -> Attempts:
        if self._attempts is None:
            self._attempts = Attempts(services_of(request).settings.sign_in_attempts)
        return self._attempts

    def _oidc(self, request: Request) -> Provider:
        settings = services_of(request).settings
        if not settings.oidc_issuer:
            raise NotFoundError("No OpenID Connect provider is set up on this server.")
        if self._provider is None:
            self._provider = Provider.of(settings)
        return self._provider


def _network(request: Request) -> str:
    return request.client.host if request.client else ""


def _back(request: Request) -> str:
    return f"{address_of(request)}/sign-in/oidc/back"
