"""Where the database is, told from its address alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ostraka.errors import SettingsError

_POSTGRESQL: Final = ("postgresql+psycopg://", "postgresql://", "postgres://")
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a database, its driver named; `file` is where SQLite keeps it."""

    url: str
    file: Path | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """The location behind an address of the setting `database_url`.

        Raises:
            SettingsError: neither a SQLite file nor PostgreSQL.
        """
        for prefix in _POSTGRESQL:
            if url.startswith(prefix):
                return cls(_POSTGRESQL[0] + url.removeprefix(prefix))
        path = url.removeprefix(_SQLITE).partition("?")[0]
        if url.startswith(_SQLITE) and path and not path.startswith((":memory:", "file:")):
            return cls(url, Path(path))
        raise SettingsError(
            "setting 'database_url': give sqlite:///FOLDER/FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        )

    def exists(self) -> bool:
        """Whether anything can have been kept: a SQLite file is made by the first write."""
        return self.file is None or self.file.exists()
