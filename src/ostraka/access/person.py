"""People as values: who acts, what they may do, what others see of them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ostraka.access.roles import Right, Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in. `name` is for admins and for themselves; others see `pseudonym`."""

    id: str
    name: str
    pseudonym: str
    role: Role
    created_at: datetime | None = None
    disabled_at: datetime | None = None
    has_password: bool = False
    oidc_subject: str | None = None
    preferences: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def may(self, right: Right) -> bool:
        """Whether their role may do this."""
        return self.disabled_at is None and self.role.may(right)

    @property
    def is_local(self) -> bool:
        """Whether it is whoever sits at this machine while nobody was ever added."""
        return self.id == LOCAL.id


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and its person; `is_stale` when it is time to note that they were here."""

    session_id: str
    person: Person
    is_stale: bool = False


LOCAL: Final = Person("local", "This machine", "This machine", Role.ADMIN)
"""Whoever uses a console that is open to this machine."""

_ADJECTIVES: Final = """
Amber Azure Brave Bright Calm Clear Coral Crisp Dusky Early Fair Fleet Gentle Golden Grey
Hazel Ivory Jade Keen Lively Lunar Mellow Misty Noble Olive Opal Pearl Quiet Rapid Rosy Sable
Silver Steady Sunny Swift Tawny Tidal Umber Velvet Wild
"""
_ANIMALS: Final = """
Badger Beaver Bison Crane Curlew Dolphin Eagle Egret Falcon Finch Fox Gecko Hare Heron Ibis
Jackdaw Kestrel Kite Lark Lynx Magpie Marten Merlin Newt Oriole Osprey Otter Owl Petrel
Plover Puffin Raven Robin Seal Sparrow Starling Stoat Swan Tern Wren
"""


def new_pseudonym(
    taken: Callable[[str], bool], choose: Callable[[Sequence[str]], str] = secrets.choice
) -> str:
    """A name that tells nothing, such as Amber Heron; with a number once words grow scarce."""
    for number in range(1, 100):
        for _ in range(20):
            words = f"{choose(_ADJECTIVES.split())} {choose(_ANIMALS.split())}"
            wanted = words if number == 1 else f"{words} {number}"
            if not taken(wanted):
                return wanted
    return f"{choose(_ANIMALS.split())} {secrets.token_hex(4)}"
