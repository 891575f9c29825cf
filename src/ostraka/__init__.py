"""Ostraka: self-hosted moderation that learns from its reviewers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ostraka.moderator import Moderator, Verdict
    from ostraka.taxonomy import Action, Category

__version__ = "0.1.0"

__all__ = ["Action", "Category", "Moderator", "Verdict", "__version__"]

_HOMES = {
    "Action": "ostraka.taxonomy",
    "Category": "ostraka.taxonomy",
    "Moderator": "ostraka.moderator",
    "Verdict": "ostraka.moderator",
}


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that `import ostraka` costs next to nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ostraka' has no attribute '{name}'")
