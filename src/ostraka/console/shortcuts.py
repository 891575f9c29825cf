"""Keys that people press, by what they do. Everybody may change theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ostraka.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One act, the key that it has unless somebody chose another, and what it is called."""

    act: str
    key: str
    words: str


SHORTCUTS: Final = (
    Shortcut("next", "j", "Next row"),
    Shortcut("previous", "k", "Previous row"),
    Shortcut("approve", "1", "Approve"),
    Shortcut("warn", "2", "Warn"),
    Shortcut("remove", "3", "Remove"),
    Shortcut("ban_temporary", "4", "Ban for a time"),
    Shortcut("ban_permanent", "5", "Ban for good"),
    Shortcut("hand_over", "6", "Escalate, as the sixth action"),
    Shortcut("escalate", "e", "Escalate"),
    Shortcut("violation", "v", "Go to the violation type"),
    Shortcut("reason", "r", "Go to the reason"),
    Shortcut("undo", "u", "Undo"),
    Shortcut("skip", "s", "Skip with a reason"),
    Shortcut("look_up_author", "w", "Look up the author, in practice"),
    Shortcut("look_up_thread", "h", "Look up the thread, in practice"),
    Shortcut("soften", "m", "Soften or show"),
    Shortcut("text", "t", "Go to the text"),
    Shortcut("filter", "f", "Go to the filter"),
    Shortcut("act", "a", "Go to the page's main button"),
)
"""Every act that has a key, in the order of the settings page."""

BY_ACT: Final = {shortcut.act: shortcut for shortcut in SHORTCUTS}
FIXED: Final = "g?/"
"""Keys that always mean the same: go, help, and the browser's own search."""


def keys_with(changes: Mapping[str, str]) -> dict[str, str]:
    """The key of every act, with somebody's changes."""
    return {each.act: changes.get(each.act) or each.key for each in SHORTCUTS}


def check_keys(wanted: Mapping[str, str]) -> dict[str, str]:
    """Somebody's changes to the keys, without what is not one.

    Raises:
        InvalidInputError: no single key, one that is taken, or two acts on one key.
    """
    keys: dict[str, str] = {}
    for shortcut in SHORTCUTS:
        key = wanted.get(shortcut.act, "").strip().lower() or shortcut.key
        if len(key) != 1 or not key.isprintable() or key in FIXED:
            raise InvalidInputError(
                f"“{shortcut.words}” needs a single letter, digit or sign, and not g, ? or /.",
                field=f"key.{shortcut.act}",
            )
        other = next((act for act, taken in keys.items() if taken == key), None)
        if other:
            raise InvalidInputError(
                f"“{BY_ACT[other].words}” and “{shortcut.words}” cannot both have the key {key}.",
                field=f"key.{shortcut.act}",
            )
        keys[shortcut.act] = key
    return {act: key for act, key in keys.items() if key != BY_ACT[act].key}
