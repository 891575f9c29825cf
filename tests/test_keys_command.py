import json
import subprocess
from pathlib import Path

import pytest
from running import ostraka

from ostraka.storage.schema import HEAD


def test_make_list_revoke(database_url: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ostraka(tmp_path, "keys", *arguments, OSTRAKA_DATABASE_URL=database_url)

    assert json.loads(run("list", "--json").stdout) == []
    scopes = ("--scope", "moderate", "--scope", "contribute")
    made = json.loads(run("create", "forum", *scopes, "--expires", "90d", "--json").stdout)
    assert made["key"].startswith("ost-")
    assert made["scopes"] == ["contribute", "moderate"]
    assert made["expires_at"][:4] >= made["created_at"][:4]
    shown = run("create", "second").stdout.strip()
    assert shown.startswith("ost-")
    assert shown != made["key"]

    listed = run("list", "--json")
    assert made["key"] not in listed.stdout + run("list").stdout
    first, second = json.loads(listed.stdout)
    assert (first["name"], first["state"], second["scopes"]) == ("forum", "active", ["moderate"])

    assert json.loads(run("revoke", first["id"], "--json").stdout)["state"] == "revoked"
    moment = json.loads(run("list", "--json").stdout)[0]["revoked_at"]
    assert run("revoke", first["id"]).returncode == 0
    assert json.loads(run("list", "--json").stdout)[0]["revoked_at"] == moment


def test_schema_back_and_forward(database_url: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ostraka(tmp_path, "database", *arguments, OSTRAKA_DATABASE_URL=database_url)

    assert "nothing" in run("status").stdout
    assert run("upgrade").returncode == 0
    assert json.loads(run("status", "--json").stdout) == {"revision": HEAD, "newest": HEAD}
    assert "lost" in run("downgrade", "base").stderr
    assert run("downgrade", "base", "--yes").returncode == 0
    assert "nothing" in run("status").stdout
    answer = run("downgrade", "9999", "--yes")
    assert answer.returncode == 1
    assert "9999" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", "a", "--expires", "soon"), "90d"),
        (("create", "a", "--expires", "0d"), "90d"),
        (("create", "a", "--scope", "everything"), "moderate"),
        (("create", " "), "printable"),
        (("revoke", "key_0"), "no key"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    answer = ostraka(tmp_path, "keys", *arguments)
    assert answer.returncode in (1, 2)
    assert says in answer.stderr.lower()
    assert "Traceback" not in answer.stderr


def test_only_the_digest_is_kept(tmp_path: Path) -> None:
    secret = ostraka(tmp_path, "keys", "create", "a").stdout.strip()
    kept = list((tmp_path / ".ostraka").iterdir())
    assert kept
    for file in kept:
        assert secret.removeprefix("ost-").encode() not in file.read_bytes()
