"""Where each setting's value came from, without showing what is secret."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from ostraka.errors import SettingsError
from ostraka.settings import Settings, load_settings, settings_file

_PREFIX: Final = "OSTRAKA_"
_MASK: Final = "••••"
_SECRET_NAME: Final = re.compile(r"(password|secret|token|api_key)", re.IGNORECASE)
_SECRET_IN_ADDRESS: Final = re.compile(r"(?<=://)([^/@:]*):([^/]*)@")
_SECRET_IN_QUERY: Final = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting: name, value (masked where secret), where it came from, what it means."""

    name: str
    value: Any
    default: Any
    origin: str
    description: str


def shown_settings(**options: object) -> list[Shown]:
    """Every setting as this process would use it, with command-line `options` on top.

    Raises:
        SettingsError: a value that cannot be.
    """
    settings = load_settings(**options)
    values = settings.model_dump(mode="json")
    defaults = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in Settings.model_fields.items()
    }
    path = settings_file()
    in_file = read_file(path) if path.is_file() else {}
    return [
        Shown(
            name,
            masked(name, values[name]),
            masked(name, _plain(defaults[name])),
            _origin(name, in_file, options),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def read_file(path: Path) -> dict[str, Any]:
    """A settings file as it is written.

    Raises:
        SettingsError: it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def unknown_variables() -> list[str]:
    """A sentence for each `OSTRAKA_…` variable that sets nothing."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields} | {f"{_PREFIX}CONFIG"}
    return [
        f"{name} is no setting{suggestion(name, sorted(known))}"
        for name in sorted(os.environ)
        if name.startswith(_PREFIX) and name.upper() not in known
    ]


def suggestion(name: str, known: list[str]) -> str:
    """`; did you mean …?` where a known name is near."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def masked(name: str, value: Any) -> Any:
    """`value` without passwords: those in addresses, and all of what is secret by name."""
    if isinstance(value, Mapping):
        return {key: masked(f"{name}.{key}", each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked(name, each) for each in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_NAME.search(name):
        return _MASK
    return _SECRET_IN_QUERY.sub(rf"\1{_MASK}", _SECRET_IN_ADDRESS.sub(rf"\1:{_MASK}@", value))


def _origin(name: str, in_file: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The source that wins; tables (thresholds) are merged, so all of theirs are named."""
    variables = {variable.upper() for variable in os.environ}
    origins = []
    if options.get(name) is not None:
        origins.append("option")
    if _PREFIX + name.upper() in variables:
        origins.append("environment")
    if name in in_file:
        origins.append("file")
    is_table = isinstance(in_file.get(name), Mapping)
    return (" + ".join(origins) if is_table else "".join(origins[:1])) or "default"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | dict) else str(value)
