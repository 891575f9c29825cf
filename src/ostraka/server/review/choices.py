"""What a field of a fixed vocabulary may be, found out of the type of the whole body.

Nothing here runs for a request that is right.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

_STEP: Final = re.compile(r"\.(\w+)|\[[^\]]*\]")


def choices(kind: Any, place: str, *, of_key: bool = False) -> list[str] | None:
    """The names that may stand at a place such as `.user.auth_method` or `[0].labels`, in the words
    of msgspec; those of a mapping's keys with `of_key`. None where anything may stand there.
    """
    found = list(_alternatives(inspect.type_info(kind)))
    for step in _STEP.finditer(place):
        below = [each for above in found for each in _below(above, step[1])]
        found = [each for one in below for each in _alternatives(one)]
    if of_key:
        keys = (each.key_type for each in found if isinstance(each, inspect.DictType))
        found = [each for one in keys for each in _alternatives(one)]
    return [str(name) for each in found for name in _names(each)] or None


def _alternatives(found: inspect.Type) -> Iterator[inspect.Type]:
    """The types of a union, without what is said about them."""
    if isinstance(found, inspect.Metadata):
        yield from _alternatives(found.type)
    elif isinstance(found, inspect.UnionType):
        for each in found.types:
            yield from _alternatives(each)
    else:
        yield found


def _below(found: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """What stands in a field, or in a collection where `name` is None."""
    if isinstance(found, inspect.StructType) and name is not None:
        if name == found.tag_field:
            yield inspect.LiteralType((found.tag,))
        yield from (field.type for field in found.fields if field.encode_name == name)
    elif isinstance(found, inspect.DictType) and name is None:
        yield found.value_type
    elif isinstance(found, inspect.CollectionType) and name is None:
        yield found.item_type


def _names(found: inspect.Type) -> Iterator[Any]:
    if isinstance(found, inspect.LiteralType):
        yield from found.values
    elif isinstance(found, inspect.EnumType):
        yield from (each.value for each in found.cls)
