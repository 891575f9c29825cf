"""What the shell offers for models and categories, without loading a model."""

import json
import os
from importlib.resources import files
from pathlib import Path

from ostraka.taxonomy import DESCRIPTIONS, Category


def complete_model(incomplete: str) -> list[str]:
    """Names of models that begin with `incomplete`."""
    named = os.environ.get("OSTRAKA_MODEL_FOLDER")
    folder = Path(named) if named else Path(str(files("ostraka.assess").joinpath("bundled")))
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        names = ["ostraka-cascade", *(f"ostraka-{stage['name']}" for stage in manifest["stages"])]
    except (OSError, ValueError, KeyError):
        return []  # a broken folder is reported when the command runs, not while typing
    return [name for name in names if name.startswith(incomplete)]


def complete_category(incomplete: str) -> list[tuple[str, str]]:
    """Categories that begin with `incomplete`, with what they mean."""
    return [(str(c), DESCRIPTIONS[c]) for c in Category if c.startswith(incomplete)]


def complete_threshold(incomplete: str) -> list[tuple[str, str]]:
    """`category=` for every category that begins with `incomplete`."""
    return [(f"{name}=", meaning) for name, meaning in complete_category(incomplete)]
