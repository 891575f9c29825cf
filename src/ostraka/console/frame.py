"""What surrounds every page: the rail, who is here, the token of its forms, the keys.

A page that is new needs one line in `PLACES` (and one in `access.roles.PAGES`, which says who may
see it); its template extends `frame.html`, where the frame is the variable `frame`.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ostraka.access.browser import (
    SESSION,
    TOKEN_FIELD,
    VISITOR,
    cookie_name,
    find_cookie,
    form_token,
)
from ostraka.access.person import Person
from ostraka.access.roles import Right
from ostraka.console.preferences import Preferences, preferences_of
from ostraka.console.shortcuts import BY_ACT


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail. `detail` ends its name where there is room.

    `right` is what one needs to see it, None for everybody. `search`, if there is one, is the
    beginning of an address that ends with what somebody looks for.
    """

    name: str
    address: str
    icon: str
    key: str
    right: Right | None = None
    detail: str = ""
    search: str = ""


PLACES: Final = (
    Place("Queue", "/queue", "queue", "q", Right.REVIEW),
    Place("Items", "/items", "items", "i", Right.READ_ITEMS, search="/items?search="),
    Place("Appeals", "/appeals", "appeals", "l", Right.REVIEW),
    Place("Trees", "/trees", "trees", "r", Right.CONTRIBUTE),
    Place("Training", "/training", "training", "t", Right.TRAIN),
    Place("Judge", "/judge", "judge", "j", Right.TRAIN),
    Place("Policies", "/policies", "policies", "o", Right.READ_POLICIES),
    Place("Insights", "/insights", "insights", "n", Right.INSIGHTS),
    Place("Playground", "/", "playground", "p"),
    Place("Practice", "/practice", "practice", "c", Right.MODERATE),
    Place("Audit", "/audit", "audit", "u", Right.AUDIT),
    Place("People", "/people", "people", "e", Right.ADMINISTER),
    Place("Webhooks", "/webhooks", "webhooks", "w", Right.ADMINISTER),
    Place("Settings", "/settings", "settings", "s", Right.OWN_SETTINGS),
    Place("API", "/docs", "reference", "a", detail=" reference"),
)
"""The pages that exist, in the order of the rail; `g` and then `key` goes there."""

BAR_PLACES: Final = 4
"""So many stand in the bar of a narrow screen; the others behind “More”."""


@dataclass(frozen=True, slots=True)
class Frame:
    """For the template of one page."""

    here: str
    places: tuple[Place, ...]
    person: Person | None
    asks_for_sign_in: bool
    token: str
    preferences: Preferences
    new_visitor: str | None = None

    @property
    def token_field(self) -> Markup:
        """The token as a field; stands in every form that is posted."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, self.token)

    def may(self, right: str) -> bool:
        """Whether who looks at the page may do this; names are those of `access.roles.Right`."""
        return self.person is not None and self.person.may(Right(right))

    def key(self, act: str) -> str:
        """The key of an act of `shortcuts.SHORTCUTS`."""
        return self.preferences.key(act)

    def press(self, act: str) -> Markup:
        """Attributes of a button or link that the act's key presses."""
        return self._attributes("data-press", act)

    def focus(self, act: str) -> Markup:
        """Attributes of a field or button that the act's key goes to."""
        return self._attributes("data-shortcut", act)

    def help(self, act: str, words: str = "") -> Markup:
        """A line of the list of keys."""
        return Markup("<div><dt>{}</dt><dd><kbd>{}</kbd></dd></div>").format(
            words or BY_ACT[act].words, self.key(act)
        )

    def _attributes(self, attribute: str, act: str) -> Markup:
        return Markup('{}="{}" aria-keyshortcuts="{}"').format(
            Markup(attribute), self.key(act), self.key(act)
        )


def frame_of(request: Request, here: str) -> Frame:
    """The frame of the page at `here`, for whoever asks."""
    person = person_of(request)
    known = secret_of(request)
    new = None if known else secrets.token_urlsafe(16)
    asks_for_sign_in = bool(request.scope.get("ostraka.people"))
    return Frame(
        here=here,
        places=tuple(place for place in PLACES if _is_seen(place, person, asks_for_sign_in)),
        person=person,
        asks_for_sign_in=asks_for_sign_in,
        token=form_token(known or new or ""),
        preferences=preferences_of(request, person),
        new_visitor=new,
    )


def person_of(request: Request) -> Person | None:
    """Who is signed in, or sits at a machine that the console is open to."""
    person: Person | None = request.scope.get("ostraka.person")
    return person


def secret_of(request: Request) -> str | None:
    """The secret of this browser's forms: of its session, else of its visit."""
    secure = request.url.scheme == "https"
    headers = request.scope["headers"]
    person = person_of(request)
    if person is not None and not person.is_local:
        return find_cookie(headers, cookie_name(SESSION, secure))
    return find_cookie(headers, cookie_name(VISITOR, secure))


def set_cookie(
    request: Request, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Give the browser a cookie that scripts and other sites do not get; 0 seconds take it back."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        cookie_name(name, secure),
        value,
        max_age=seconds,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def _is_seen(place: Place, person: Person | None, asks_for_sign_in: bool) -> bool:
    if place.right is None:
        return True
    if person is not None:
        return person.may(place.right)
    # Holders of an API key open these pages with it, where nobody signs in.
    return place.right is Right.TRAIN and not asks_for_sign_in
