"""Who may send a page's form, and what it holds."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from ostraka.access.browser import (
    TOKEN_FIELD,
    TOKEN_HEADER,
    is_form_token,
    is_of_another_site,
)
from ostraka.console.frame import person_of, secret_of
from ostraka.errors import CallerError, InvalidInputError
from ostraka.wire import read_bounded

_FIELDS: Final = 64


class StaleFormError(CallerError):
    """The form is no longer valid. Nothing was changed. Open the page again and send it anew."""

    status = 403
    code = "stale_form"


def refuse_strangers(request: Request) -> None:
    """Other sites' pages may post forms through a visitor's browser, but browsers tell on them.

    Raises:
        CallerError: the form stood on another site.
    """
    is_told = "sec-fetch-site" in request.headers
    if is_of_another_site(request.scope["headers"]) or (not is_told and _is_foreign(request)):
        raise CallerError("This form was sent from another site. Open the page itself.")


def _is_foreign(request: Request) -> bool:
    """Whether a browser that is too old for fetch metadata names another origin."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


async def read_form(request: Request, limit: int) -> dict[str, str]:
    """The fields of a plain form, each once, with the line breaks of the API.

    Raises:
        CallerError: the form stood on another site.
        TooLargeError: the body has more than `limit` bytes.
        InvalidInputError: it is no form of ours.
        StaleFormError: its token is not this browser's.
    """
    refuse_strangers(request)
    body = await read_bounded(request, limit)
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS
        )
    except ValueError as error:
        raise InvalidInputError("This is not the form of this page.") from error
    # Browsers send line breaks as CR LF; the API would be given LF.
    form = {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}
    check_token(request, form)
    return form


def check_token(request: Request, form: Mapping[str, str]) -> None:
    """Hold a form's token against the browser's cookie.

    An API key in a header needs none: no site can make a browser send it. Nor does what is no
    browser, with no cookie at all, on a machine that the console is open to.

    Raises:
        StaleFormError: it does not fit, as after signing out or in.
    """
    if request.scope.get("ostraka.key") is not None:
        return
    secret = secret_of(request)
    person = person_of(request)
    if secret is None and person is not None and person.is_local:
        return
    token = form.get(TOKEN_FIELD) or request.headers.get(TOKEN_HEADER, "")
    if secret is None or not is_form_token(token, secret):
        raise StaleFormError
