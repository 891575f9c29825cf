"""The pages on other vendors' clients say what is so, and every snippet in them runs."""

import re
import tomllib
from pathlib import Path

import pytest
import snippets

from ostraka.moderator import Moderator
from ostraka.taxonomy import PERSPECTIVE

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/migrate-from-perspective.md").read_text()
COMPATIBILITY = (ROOT / "docs/compatibility.md").read_text()
SNIPPETS = [(each.language, each.code) for each in snippets.snippets(GUIDE)]
PLUGIN = Path("plugins/discourse-perspective-api/lib/discourse_perspective.rb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the guide's reader would have: decided comments, and Discourse's plug-in."""
    rows = ['{"text": "You are a stupid idiot.", "removed": true}']
    rows.append('{"text": "Thank you, have a lovely day.", "removed": false}')
    (tmp_path / "history.jsonl").write_text("\n".join(rows))
    (tmp_path / PLUGIN).parent.mkdir(parents=True)
    (tmp_path / PLUGIN).write_text("GOOGLE_API_DOMAIN = 'https://commentanalyzer.googleapis.com'\n")
    return tmp_path


@pytest.mark.parametrize(("language", "snippet"), SNIPPETS)
def test_snippets_run(language: str, snippet: str, server: str, folder: Path) -> None:
    assert snippets.ADDRESS in snippet
    done = snippets.run(language, snippet, server, folder)
    if snippet.startswith("sed "):
        assert (folder / PLUGIN).read_text() == f"GOOGLE_API_DOMAIN = '{server}'\n"
    elif "range(50" in snippet:
        assert "50 %: precision 1.00, recall 1.00" in done.stdout
    elif language in ("python", "javascript"):
        assert float(done.stdout) > 0.5
    else:
        assert "TOXICITY" in done.stdout or "pinned_id" in done.stdout


def test_table_of_attributes_is_the_view(moderator: Moderator) -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`.*?) \| (.*?) \|$", GUIDE, re.MULTILINE)
    modelled = PERSPECTIVE.modelled(moderator.categories)
    told = {}
    for names, answer in rows:
        for name in re.findall(r"`([A-Z_]+)`", names):
            told[name] = answer
    assert set(told) == set(PERSPECTIVE.names)
    for name, answer in told.items():
        if name in modelled:
            assert answer == f"`{PERSPECTIVE.mapping[name][0]}`"
        else:
            assert answer.startswith("not modelled")


def test_every_pinned_client_version_is_told() -> None:
    table = tomllib.loads((ROOT / "tests/clients/versions.toml").read_text())
    lines = [line for language in ("python", "node") for line in table[language].values()]
    pins = [pin for line in lines for pin in line["requirements"]]
    for pin in pins:
        if match := re.fullmatch(r"(@?[a-z0-9/-]+)(?:==|@)([0-9.]+)", pin):
            name, version = match.groups()
            rows = [row for row in COMPATIBILITY.splitlines() if f"`{name}`" in row]
            assert any(re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", r) for r in rows), pin
