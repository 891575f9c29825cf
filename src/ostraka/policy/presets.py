"""The policies that ship with the package."""

from functools import cache
from importlib.resources import files

from ostraka.policy.compiled import Policy


def default_text() -> str:
    """The default policy as it is written, with its comments."""
    return files("ostraka.policy").joinpath("default.toml").read_text("utf-8")


@cache
def default_policy() -> Policy:
    """The policy that acts until another one is activated."""
    return Policy.parse(default_text())
