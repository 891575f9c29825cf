"""The demo's folder: what must be empty before, and what may be removed afterwards."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select

from ostraka.access.people import any_people
from ostraka.errors import SettingsError
from ostraka.review.tables import ItemRow
from ostraka.settings import Settings
from ostraka.storage.database import Database

MARKER: Final = "demo.json"
"""Says that a folder's database was made by the demo and holds nothing else."""


def make_room(settings: Settings, database: Database, *, force: bool) -> None:
    """Refuse to mix the demo with what is there.

    With `force`, an earlier demo is replaced and other files may lie in the folder; a database that
    is in use is never touched.

    Raises:
        SettingsError: the data folder is not empty, or the database holds items or people.
    """
    folder = settings.data_dir
    if force and (folder / MARKER).is_file():
        remove(settings, database)
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise SettingsError(
            f"'{folder}' is not empty. Name another folder (OSTRAKA_DATA_DIR), remove an earlier "
            "demo (ostraka demo --remove), or say that it may stand beside other files (--force)."
        )
    if is_used(database):
        raise SettingsError(
            "The database holds items or people already; the demo needs one of its own: set "
            "OSTRAKA_DATA_DIR or OSTRAKA_DATABASE_URL."
        )


def is_used(database: Database) -> bool:
    """Whether a database holds items or people."""
    if not database.location.exists():
        return False
    with database.reading() as session:
        return any_people(session) or session.scalar(select(ItemRow.id).limit(1)) is not None


def mark(folder: Path, now: datetime, seed: int) -> None:
    """Note that what the folder holds is the demo alone, if it is empty."""
    if folder.is_dir() and any(folder.iterdir()):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = {"made_at": now.isoformat(timespec="seconds"), "seed": seed}
    (folder / MARKER).write_text(json.dumps(note) + "\n", "utf-8")


def remove(settings: Settings, database: Database) -> Path:
    """Delete the demo's folder.

    Raises:
        SettingsError: the folder holds no demo, or more than it.
    """
    folder = settings.data_dir
    if not (folder / MARKER).is_file():
        raise SettingsError(f"'{folder}' holds no demo, or more than a demo; nothing was removed.")
    if database.location.file is None or not database.location.file.is_relative_to(folder):
        raise SettingsError(
            "The demo is in a database outside of its folder; drop that database instead."
        )
    database.close()
    shutil.rmtree(folder)
    return folder
