"""Run a page's snippets as its reader would: from the top, in one folder, against a server."""

import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import environment

ADDRESS = "http://127.0.0.1:8000"
COMMANDS = {
    "sh": ["bash", "-euc"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A snippet, and the JSON that the page shows as its answer."""

    language: str
    code: str
    answer: str | None


def snippets(page: str) -> list[Snippet]:
    """What of a page can run. `text` and `console` only show what somebody would type."""
    blocks = list(_BLOCK.finditer(page))
    found = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[2] not in COMMANDS:
            continue
        answers = following is not None and following[2] == "json"
        directly = following is not None and not page[block.end() : following.start()].strip()
        answer = following[3] if following is not None and answers and directly else None
        found.append(Snippet(block[2], textwrap.dedent(block[3]), answer))
    return found


def run(language: str, code: str, server: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a snippet with the server's real address in place of the one that pages show."""
    if shutil.which(COMMANDS[language][0]) is None:
        pytest.skip(f"{COMMANDS[language][0]} is not installed")
    variables = environment()
    beside_python = str(Path(sys.executable).parent)
    variables["PATH"] = f"{beside_python}:{variables['PATH']}"
    done = subprocess.run(
        [*COMMANDS[language], code.replace(ADDRESS, server)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done
