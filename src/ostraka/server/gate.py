"""What stands before every request: who asks, what they may do, and how often they may ask.

Programs show an API key, which has scopes. Browsers of people who signed in show a cookie, for
pages and `/api/` alone; what they may do is their role's (`access.roles`).

Closed by default: a path that is listed nowhere needs the scope `admin`, or an admin. Open only
while no key or person was ever made, none is demanded, and the request comes from this machine.
"""

import asyncio
import ipaddress
from datetime import timedelta
from typing import Final, Protocol
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostraka.access.browser import SESSION, cookie_name, find_cookie, is_of_another_site
from ostraka.access.keys import ApiKey, KeyTable
from ostraka.access.keys import Scope as KeyScope
from ostraka.access.person import LOCAL, SignedIn
from ostraka.access.ring import KeyRing, now
from ostraka.access.roles import is_below, is_page
from ostraka.errors import (
    AuthenticationError,
    CallerError,
    MissingKeyError,
    MissingScopeError,
    OstrakaError,
    RateLimitError,
    SettingsError,
    StorageError,
)
from ostraka.server.basic import password_of
from ostraka.server.envelopes import error_response
from ostraka.server.limits import TokenBuckets, network_of
from ostraka.server.signed_in import check, name_asked_for, takes_sessions
from ostraka.server.trees.scopes import is_for_admins
from ostraka.settings import Settings

SIGN_IN: Final = "/sign-in"
"""Below it stands all that leads in, and it is for everybody; so is `/sign-out`."""

PUBLIC: Final = frozenset(
    {
        "/",
        "/playground",
        "/health",
        "/health/live",
        "/health/ready",
        "/$discovery/rest",
        "/favicon.ico",
    }
    | {"/docs", "/redoc", "/openapi.json"}
    | {SIGN_IN, "/sign-out"}
)
"""Paths that nobody needs a key for: they judge nothing, keep nothing and tell no secrets."""

SHOWN_TO_EVERYBODY: Final = frozenset({"/", SIGN_IN, "/sign-out"})
"""Public pages that look different to who is signed in."""

PUBLIC_FOLDERS: Final = ("/static/", "/health/", "/docs/", "/signed/", f"{SIGN_IN}/")
"""What lies under `/signed/` carries its permission in its address."""

SCOPES: Final = (
    ("/v1alpha1/comments:suggestscore", KeyScope.CONTRIBUTE),
    ("/v1alpha1/", KeyScope.MODERATE),
    ("/v1/files", KeyScope.TRAIN),
    ("/v1/fine_tuning", KeyScope.TRAIN),
    ("/v1/", KeyScope.MODERATE),
    ("/contentsafety/", KeyScope.MODERATE),
    ("/beta/litellm_basic_guardrail_api", KeyScope.MODERATE),
    ("/playground/", KeyScope.MODERATE),
    ("/training", KeyScope.TRAIN),
    ("/metrics", KeyScope.MODERATE),
    ("/api/items", KeyScope.MODERATE),
    ("/api/reports", KeyScope.MODERATE),
    ("/api/appeals", KeyScope.MODERATE),
    ("/api/cases", KeyScope.REVIEW),
    ("/api/decisions", KeyScope.REVIEW),
    ("/api/queues", KeyScope.REVIEW),
    ("/api/rewards", KeyScope.TRAIN),
)
"""The scope that a path needs, by its beginning; the first that fits counts. The prefixes
`/openai` and `/mistral` only choose a dialect and are left out."""

_LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_KEY_HEADERS: Final = (b"ocp-apim-subscription-key", b"x-goog-api-key", b"x-api-key", b"api-key")

_KEY_PARAMETERS: Final = (("/v1alpha1/", "key"), ("/api/v1/", "api_key"))
"""Where a vendor's clients put the key into the query."""

HOW_TO_MAKE_A_KEY: Final = "ostraka keys create NAME --scope moderate"
HOW_TO_ADD_SOMEBODY: Final = "ostraka people add NAME --role admin"


class Sessions(Protocol):
    """Where sessions are looked up. The call may block; it runs in a thread."""

    def signed_in(self, token: str, idle: timedelta) -> SignedIn | None:
        """Who is signed in with a session's token."""


class Gate:
    """ASGI middleware that leaves what it found in the scope.

    `ostraka.key`      the API key, or None
    `ostraka.person`   who is signed in, or `LOCAL` where the console is open to this machine
    `ostraka.session`  the id of their session
    `ostraka.people`   whether anybody was ever added, so that one can sign in
    `ostraka.closed`   whether calls from this machine, too, must show who sends them
    `ostraka.refused`  for pages alone: the error for which they must show nothing
    `ostraka.headers`  what every answer carries, those to failures outside of the gate included
    """

    def __init__(self, app: ASGIApp, settings: Settings, ring: KeyRing, sessions: Sessions) -> None:
        self._app = app
        self._ring = ring
        self._sessions = sessions
        self._settings = settings
        self._idle = timedelta(hours=settings.session_idle_hours)
        per_minute = settings.requests_per_minute
        self._buckets = TokenBuckets(per_minute) if per_minute else None
        self._environment = settings.environment_path
        self._environment_health = f"{self._environment}/health"
        self._table: KeyTable | None = None
        self._closed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it in its vendor's envelope."""
        if scope["type"] == "lifespan" or self._is_public(scope["path"]):
            if scope["type"] == "http" and _looks_different(scope["path"]):
                await self._recognize(scope)
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}
        scope["ostraka.headers"] = headers
        try:
            scope["ostraka.key"] = await self._admit(scope, headers)
        except OstrakaError as error:
            if not _is_shown_by_page(scope, error):
                await _refuse(error, headers, scope, receive, send)
                return
            scope["ostraka.refused"] = error
        await self._app(scope, receive, _with_headers(send, headers) if headers else send)

    async def _recognize(self, scope: Scope) -> None:
        """Say who looks at a page that everybody may see; nobody, while the database is away."""
        try:
            table = await self._ring.current()
            self._tell(scope, table)
            signed_in = await self._signed_in(scope)
        except StorageError:
            return
        if signed_in is not None:
            _note(scope, signed_in)
        elif _is_open(scope, takes_sessions(scope["path"])):
            scope["ostraka.person"] = LOCAL

    async def _admit(self, scope: Scope, headers: dict[str, str]) -> ApiKey | None:
        path = scope["path"]
        table = self._ring.fresh() or await self._ring.current()
        self._tell(scope, table)
        played = self._is_played(path)
        secret = secret_of(scope) or (password_of(scope) if played else None)
        with_session = takes_sessions(path)
        key = table.find(secret, now()) if secret else None
        signed_in = None
        if secret is None and with_session:
            signed_in = await self._signed_in(scope)
        if self._buckets is not None:
            _limit(self._buckets, scope, key, signed_in, headers)
        if key is not None:
            self._ring.use(key, now())
            wanted = scope_of(path, scope.get("method", "GET"))
            if played:
                wanted = KeyScope.MODERATE
            if not key.allows(wanted):
                raise MissingScopeError(f"This API key lacks the scope '{wanted}'.")
        elif signed_in is not None:
            _note(scope, signed_in)
            check(scope, signed_in.person)
        elif not _is_open(scope, with_session):
            raise AuthenticationError if secret else MissingKeyError
        else:
            _refuse_other_sites(scope)
            scope["ostraka.person"] = LOCAL
        return key

    def _is_public(self, path: str) -> bool:
        return is_public(path) or path == self._environment_health

    def _is_played(self, path: str) -> bool:
        """Whether a path leads to the environment."""
        return bool(self._environment) and is_below(path, self._environment)

    def _tell(self, scope: Scope, table: KeyTable) -> None:
        if table is not self._table:  # a new one every second, at most
            self._table, self._closed = table, needs_key(self._settings, table)
        scope["ostraka.people"] = table.any_people
        scope["ostraka.closed"] = self._closed

    async def _signed_in(self, scope: Scope) -> SignedIn | None:
        name = cookie_name(SESSION, scope.get("scheme") == "https")
        token = find_cookie(scope["headers"], name)
        if token is None:
            return None
        return await asyncio.to_thread(self._sessions.signed_in, token, self._idle)


def require_keys(settings: Settings, table: KeyTable) -> None:
    """Refuse to listen where others can reach us while nobody has a key.

    Raises:
        SettingsError: beyond loopback without an active key; says how to make one.
    """
    if not is_loopback(settings.host) and not (table.by_digest or table.any_people):
        raise SettingsError(
            f"listening on {settings.host or 'every address'} lets other machines in, which needs "
            f"API keys, and there is none that is active. Make one first:\n  {HOW_TO_MAKE_A_KEY}\n"
            f"or add somebody who can sign in:\n  {HOW_TO_ADD_SOMEBODY}\n"
            "or listen on 127.0.0.1, where no key is needed while none was made."
        )


def needs_key(settings: Settings, table: KeyTable) -> bool:
    """Whether requests from this machine need a key too."""
    made = table.any_made or table.any_people
    return settings.keys_required or made or not is_loopback(settings.host)


def announcement(settings: Settings, table: KeyTable) -> str:
    """Who may ask, for the line that a server prints at its start."""
    if not needs_key(settings, table):
        return "open to this machine, no key needed"
    if table.any_people:
        return "sign-in or API key required"
    if not table.by_digest:
        return f"API key required, none is active yet: {HOW_TO_MAKE_A_KEY}"
    return "API key required"


def is_public(path: str) -> bool:
    """Whether a path needs no key."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS)


def scope_of(path: str, method: str = "GET") -> KeyScope:
    """The scope that a path needs. Who may use models may look at them, not delete them."""
    for prefix in ("/openai", "/mistral"):
        path = path.removeprefix(prefix)
    if path.startswith("/v1/models/") and method not in ("GET", "HEAD"):
        return KeyScope.TRAIN
    if path.startswith("/api/v1/"):
        return KeyScope.TREES_ADMIN if is_for_admins(path, method) else KeyScope.TREES
    for beginning, scope in SCOPES:
        if path.startswith(beginning):
            return scope
    return KeyScope.ADMIN


def secret_of(scope: Scope) -> str | None:
    """The key of a request, from where its vendor's clients put it."""
    query: bytes = scope["query_string"]
    for beginning, name in _KEY_PARAMETERS if query else ():
        if scope["path"].startswith(beginning) and name.encode() + b"=" in query:
            values = parse_qs(query.decode("latin-1")).get(name)
            if values:
                return str(values[0])
    others: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, secret = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer" and secret.strip():
                return str(secret.strip())
        elif name in _KEY_HEADERS:
            others.setdefault(name, value.decode("latin-1").strip())
    return next((others[name] for name in _KEY_HEADERS if others.get(name)), None)


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own; what is no address is not."""
    if host in ("127.0.0.1", "localhost", "::1"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _limit(
    buckets: TokenBuckets,
    scope: Scope,
    key: ApiKey | None,
    signed_in: SignedIn | None,
    headers: dict[str, str],
) -> None:
    caller = network_of(_address(scope))
    if key is not None:
        caller = key.id
    elif signed_in is not None:
        caller = signed_in.person.id
    allowance = buckets.take(caller)
    headers |= allowance.headers
    if allowance.retry_after:
        raise RateLimitError(
            f"This server takes {allowance.limit} requests per minute from one caller.",
            retry_after=allowance.retry_after,
        )


def _is_open(scope: Scope, with_session: bool) -> bool:
    """Whether a request without any sign of who sends it is answered.

    Pages are answered under a name of this machine only: another site can make its own name
    lead here, and a visitor's browser would then let it read and click.
    """
    if scope["ostraka.closed"] or not is_loopback(_address(scope)):
        return False
    return not with_session or is_loopback(name_asked_for(scope))


def _refuse_other_sites(scope: Scope) -> None:
    """Nobody showed a key, so a page of another site may be asking through a visitor's browser.

    It may look at nothing, as browsers see to; here it may change nothing either.

    Raises:
        CallerError: it wants more than to look.
    """
    if scope.get("method") not in _LOOKING and is_of_another_site(scope["headers"]):
        raise CallerError("This request was sent by another site's page.", code="cross_site")


def _note(scope: Scope, signed_in: SignedIn) -> None:
    scope["ostraka.person"] = signed_in.person
    scope["ostraka.session"] = signed_in.session_id


def _looks_different(path: str) -> bool:
    return path in SHOWN_TO_EVERYBODY or path.startswith(f"{SIGN_IN}/")


def _is_shown_by_page(scope: Scope, error: OstrakaError) -> bool:
    """A browser that is sent to a page brings no key, and is told so by a page."""
    return (
        scope.get("method") == "GET"
        and is_page(scope["path"])
        and isinstance(error, AuthenticationError | MissingScopeError)
    )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers


async def _refuse(
    error: OstrakaError, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": error.message})
        return
    response = error_response(Request(scope), error)
    response.headers.update(headers)
    await response(scope, receive, send)
