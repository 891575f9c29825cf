"""Where the demo may be made, and what may be removed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ostraka.access.people import add_person
from ostraka.access.roles import Role
from ostraka.demo.folder import MARKER, is_used, make_room, mark, remove
from ostraka.errors import SettingsError
from ostraka.settings import Settings
from ostraka.storage.database import Database

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder)


@pytest.fixture
def kept(settings: Settings) -> Iterator[Database]:
    database = Database.at(settings.resolved_database_url)
    yield database
    database.close()


def add_somebody(database: Database) -> None:
    with database.writing() as session:
        add_person(session, "Ada", Role.ADMIN, NOW)


def test_a_folder_that_is_not_there_or_empty_is_taken(
    settings: Settings, kept: Database, folder: Path
) -> None:
    make_room(settings, kept, force=False)
    assert not folder.exists(), "looking makes nothing"
    folder.mkdir()
    make_room(settings, kept, force=False)
    mark(folder, NOW, seed=7)
    assert (folder / MARKER).is_file()


def test_other_files_need_force_and_are_never_removed(
    settings: Settings, kept: Database, folder: Path
) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not empty"):
        make_room(settings, kept, force=False)
    make_room(settings, kept, force=True)
    mark(folder, NOW, seed=7)
    assert not (folder / MARKER).exists(), "the folder holds more than a demo"
    with pytest.raises(SettingsError, match="nothing was removed"):
        remove(settings, kept)
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_earlier_demo_is_replaced_by_force(
    settings: Settings, kept: Database, folder: Path
) -> None:
    mark(folder, NOW, seed=7)
    add_somebody(kept)
    assert is_used(kept)
    make_room(settings, kept, force=True)
    assert not folder.exists()
    assert not is_used(kept)


def test_a_database_in_use_is_refused_even_by_force(settings: Settings, kept: Database) -> None:
    add_somebody(kept)
    with pytest.raises(SettingsError, match="items or people"):
        make_room(settings, kept, force=True)
    assert is_used(kept)


def test_a_database_elsewhere_is_not_removed(folder: Path, database_url: str) -> None:
    settings = Settings(data_dir=folder, database_url=database_url)
    mark(folder, NOW, seed=7)
    database = Database.at(database_url)
    with pytest.raises(SettingsError, match="outside"):
        remove(settings, database)
    assert (folder / MARKER).is_file()
    database.close()
