"""Policies that the database keeps, by the names that commands take for them.

Apart from `policy.py`, whose other commands need no database and start faster without one.
"""

from contextlib import closing

from ostraka.errors import NotFoundError
from ostraka.policy.presets import default_text
from ostraka.review.policies import ACTIVE, PolicyStore, get_policy
from ostraka.settings import load_settings
from ostraka.storage.database import Database


def kept_text(name: str) -> str:
    """The text of the policy that acts, or of the one with a digest that begins like `name`.

    Raises:
        NotFoundError: there is none, or there are several.
    """
    store, database = PolicyStore(), Database.at(load_settings().resolved_database_url)
    with closing(database), database.reading() as session:
        acts = name == ACTIVE
        digest = store.active(session).digest if acts else store.digest(session, name)
        try:
            return get_policy(session, digest).document
        except NotFoundError:  # it ships with the package and was never kept
            return default_text()
