"""One isolated environment per client version, made on demand and kept in `.clients/`.

`versions.toml` is the one table of versions. A folder's name carries the digest of what is in it,
so a changed line makes a new environment and an unchanged one is used again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".clients"
SUITES = HERE / "suites"
OURS = "ostraka"
"""Named among requirements: this checkout, for what is a plug-in of the client."""
TEST_RUNNER = "pytest==9.0.2"
ALL_CLIENTS = os.environ.get("OSTRAKA_TEST_ALL_CLIENTS", "") not in ("", "0")


class Unavailable(Exception):
    """An environment cannot be made on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Client:
    """A line of the table. What is `bare` comes without the packages that it asks for."""

    name: str
    language: str
    requirements: tuple[str, ...]
    suite: Path
    as_of: str
    bare: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its environment lies."""
        wanted = [*self.requirements, *self.bare]
        contents = "\n".join([sys.version, self.as_of, TEST_RUNNER, *wanted])
        return CACHE / f"{self.name}-{hashlib.sha256(contents.encode()).hexdigest()[:12]}"

    def command(self) -> list[str]:
        """What runs its suite; makes the environment first if need be.

        Raises:
            Unavailable: Node.js is not installed, or the packages cannot be had.
        """
        if not (self.folder / ".ready").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            (self._make_python if self.language == "python" else self._make_node)()
            (self.folder / ".ready").touch()
        if self.language == "node":
            return ["node", "--test", "--test-reporter=spec", str(self._node_suite())]
        options = ["-q", "--no-header", "-p", "no:cacheprovider", "-c", str(SUITES / "suites.ini")]
        return [str(self.folder / "bin/python"), "-m", "pytest", *options, str(self.suite)]

    def _make_python(self) -> None:
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--python", sys.executable, str(self.folder)])
        target = ["--python", str(self.folder / "bin/python"), "--exclude-newer", self.as_of]
        ours = [] if OURS not in self.requirements else ["--editable", str(ROOT)]
        others = [each for each in self.requirements if each != OURS]
        _run([*uv, "pip", "install", "--quiet", *target, TEST_RUNNER, *others, *ours])
        if self.bare:
            _run([*uv, "pip", "install", "--quiet", "--no-deps", *target, *self.bare])

    def _make_node(self) -> None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise Unavailable("Node.js and npm are not installed (Debian: apt install nodejs npm)")
        options = ["--prefix", str(self.folder), "--no-audit", "--no-fund", "--silent"]
        _run(["npm", "install", *options, *self.requirements])

    def _node_suite(self) -> Path:
        """The suite beside its packages, since Node looks for them from the importing file."""
        return Path(shutil.copy(self.suite, self.folder))


def clients() -> list[Client]:
    """The table's default lines, or all of them with `OSTRAKA_TEST_ALL_CLIENTS`."""
    table = tomllib.loads((HERE / "versions.toml").read_text())
    return [
        Client(
            name=name,
            language=language,
            requirements=tuple(line["requirements"]),
            suite=SUITES / line["suite"],
            as_of=line.get("as_of", table["as_of"]),
            bare=tuple(line.get("bare", ())),
        )
        for language in ("python", "node")
        for name, line in table[language].items()
        if ALL_CLIENTS or line.get("default", False)
    ]


def _run(command: Sequence[str]) -> None:
    # uv takes no notice of pip's settings: where wheels lie beside the index, say.
    beside = (
        {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in os.environ else {}
    )
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=beside | os.environ
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
