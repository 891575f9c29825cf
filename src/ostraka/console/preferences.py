"""How somebody likes the console: theme, keys, what is softened.

Who is signed in has them in the database and meets them in every browser; the console that is open
to this machine keeps them in a cookie.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from starlette.requests import Request

from ostraka.access.browser import find_cookie
from ostraka.access.person import Person
from ostraka.console.shortcuts import BY_ACT, keys_with

COOKIE: Final = "ostraka_preferences"
THEMES: Final = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What can be chosen; the defaults are the kind ones."""

    theme: str = "system"
    single_keys: bool = True
    soften_words: bool = True
    blur_media: bool = True
    keys: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """From what was kept. What does not fit, as after a change of ours, is as if not chosen."""
        keys = kept.get("keys")
        chosen = keys if isinstance(keys, dict) else {}
        return cls(
            theme=kept["theme"] if kept.get("theme") in THEMES else "system",
            single_keys=kept.get("single_keys") is not False,
            soften_words=kept.get("soften_words") is not False,
            blur_media=kept.get("blur_media") is not False,
            keys={
                act: key
                for act, key in chosen.items()
                if act in BY_ACT and isinstance(key, str) and len(key) == 1
            },
        )

    def key(self, act: str) -> str:
        """The key of one act; a page asks for dozens."""
        return self.keys.get(act) or BY_ACT[act].key

    @property
    def all_keys(self) -> dict[str, str]:
        """The key of every act."""
        return keys_with(self.keys)

    def as_dict(self) -> dict[str, Any]:
        """To be kept."""
        return asdict(self)

    def as_cookie(self) -> str:
        """To be kept by a browser."""
        return quote(json.dumps(self.as_dict(), separators=(",", ":")), safe="")


def preferences_of(request: Request, person: Person | None) -> Preferences:
    """The preferences of whoever asks."""
    if person is not None and not person.is_local:
        return Preferences.of(person.preferences)
    try:
        kept = json.loads(unquote(find_cookie(request.scope["headers"], COOKIE) or "{}"))
    except ValueError:
        kept = {}
    return Preferences.of(kept if isinstance(kept, dict) else {})
