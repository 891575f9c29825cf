"""Which part of `/api/v1` is for trusted clients alone. Imports nothing, for every request asks."""

import re
from typing import Final

_FOR_ADMINS: Final = re.compile(
    r"/api/v1/(?:"
    r"admin/(?!backend_settings/public)"
    r"|stats(?!/cached(?:/(?!update$)[a-z_]+)?$)"
    r"|trollboards/"
    r"|hf/"
    r"|leaderboards/update"
    r"|messages/[^/]+/(?:edit|history)$"
    r")"
)
_CHANGES: Final = ("PUT", "DELETE", "PATCH")


def is_for_admins(path: str, method: str) -> bool:
    """Whether a request needs the scope `trees.admin`, beside which `trees` is not enough.

    Whatever changes by `PUT` or `DELETE` does: no contributor's client deletes, restores, halts or
    renames.
    """
    return method in _CHANGES or _FOR_ADMINS.match(path) is not None
