"""Render a template into an answer that a browser may run nothing foreign in."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ostraka import __version__
from ostraka.access.browser import VISITOR
from ostraka.console.assets import Assets
from ostraka.console.browsers import browser_name
from ostraka.console.charts import loss, number
from ostraka.console.frame import BAR_PLACES, frame_of, set_cookie
from ostraka.console.times import absolute, ago, due, duration, size

_HERE: Final = Path(__file__).parent

SECURITY_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""On every page. What a person typed may stand on it, so nobody keeps a copy. Pictures from `blob:`
are those that a page's own script fetched with the reader's key."""


class Pages:
    """Templates and static files of the console, loaded once."""

    def __init__(self, *folders: Path) -> None:
        """`folders` hold further templates, which may extend ours."""
        self.assets = Assets(_HERE / "static")
        self._environment = Environment(
            loader=FileSystemLoader([_HERE / "templates", *folders]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "asset": self.assets.address,
            "bar_places": BAR_PLACES,
            "version": __version__,
        }
        self._environment.filters |= {
            "literal": _literal,
            "shell": shlex.quote,
            "breakable": _breakable,
            "browser": browser_name,
            "ago": ago,
            "due": due,
            "absolute": absolute,
            "duration": duration,
            "size": size,
            "number": number,
            "loss": loss,
        }

    def text(self, template: str, **context: Any) -> str:
        """A template as text; only templates named `….html` escape what they are given."""
        return self._environment.get_template(template).render(context)

    def page(
        self,
        request: Request,
        template: str,
        *,
        here: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A whole page, in its frame; `here` is the address of its place in the rail."""
        frame = frame_of(request, here)
        response = HTMLResponse(
            self.text(template, frame=frame, **context), status, SECURITY_HEADERS | (headers or {})
        )
        if frame.new_visitor is not None:
            set_cookie(request, response, VISITOR, frame.new_visitor)
        return response


def _breakable(name: str) -> Markup:
    """A name that may break after its slashes and underscores."""
    return Markup(re.sub("([/_])", r"\1<wbr>", str(escape(name))))


def _literal(value: Any) -> str:
    """JSON, which is a literal in Python and JavaScript as well."""
    return json.dumps(value, ensure_ascii=False)
