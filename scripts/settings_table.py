#!/usr/bin/env python3
"""Write the table of settings in docs/settings.md from the settings themselves.

With `--check` nothing is written; the exit code is 1 where the page is stale.
"""

import re
import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from ostraka.settings import RecordSettings, Settings

PAGE = Path(__file__).parents[1] / "docs/settings.md"
BEGIN = "<!-- The table is written by scripts/settings_table.py. -->\n"
END = "<!-- End of the table. -->\n"


def default_of(name: str) -> str:
    """The default of a setting, as it would be written in the file."""
    field = Settings.model_fields[name]
    value = field.default
    if value is PydanticUndefined or isinstance(value, SecretStr) or value in ("", None):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def table() -> str:
    """One row per setting."""
    lines = ["| setting | environment | default | meaning |", "|---|---|---|---|"]
    # Pydantic puts inherited fields first; they belong behind the server's own.
    names = sorted(Settings.model_fields, key=lambda name: name in RecordSettings.model_fields)
    for name in names:
        field = Settings.model_fields[name]
        meaning = (field.description or "").replace("|", r"\|")
        variable = f"OSTRAKA_{name.upper()}"
        lines.append(f"| `{name}` | `{variable}` | {default_of(name)} | {meaning} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    page = PAGE.read_text("utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    fresh = pattern.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)
    if arguments == ["--check"]:
        if fresh != page:
            sys.stderr.write(f"{PAGE.name} is stale: run scripts/settings_table.py\n")
        return int(fresh != page)
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
