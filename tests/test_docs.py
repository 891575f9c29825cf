"""The documentation is complete, its links lead somewhere, and its examples run."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import snippets
import typer

from ostraka.cli.main import app
from ostraka.moderator import Moderator, Verdict
from ostraka.policy.document import PolicyDocument
from ostraka.policy.facts import Facts
from ostraka.policy.outcome import Outcome
from ostraka.policy.parts import (
    Appeals,
    CategoryPolicy,
    Example,
    LadderStep,
    Queue,
    Rule,
    Strikes,
)
from ostraka.policy.vocabulary import OUTCOME_VARIABLES, VARIABLES
from ostraka.server.app import create_app
from ostraka.settings import Settings
from ostraka.taxonomy import Category

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
ALL_PAGES = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
RUNNING = (
    "README.md",
    "docs/index.md",
    "docs/moderation.md",
    "docs/policy.md",
    "docs/endpoints.md",
    "docs/train.md",
    "docs/data.md",
)
"""Pages whose every `sh`, `python` and `javascript` snippet runs; the guides for other vendors'
users have a test of their own."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def shape(value: Any) -> Any:
    """A JSON value without its figures and words."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "number" if type(value) in (int, float) else type(value).__name__


@pytest.mark.parametrize("name", RUNNING)
def test_snippets_run(name: str, server: str, tmp_path: Path) -> None:
    if name == "docs/train.md":
        pytest.importorskip("sklearn", reason="needs the train extra")
    if name == "docs/data.md":
        pytest.importorskip("matplotlib", reason="needs the train extra")
    python = ""
    for snippet in snippets.snippets((ROOT / name).read_text("utf-8")):
        code = snippet.code
        if snippet.language == "python":
            code = python = f"{python}\n{code}"
        done = snippets.run(snippet.language, code, server, tmp_path)
        assert done.stdout or snippet.language == "python" or "--output" in code, code
        if snippet.answer is not None:
            assert shape(json.loads(done.stdout)) == shape(json.loads(snippet.answer)), code


def test_examples_of_files_can_be_read() -> None:
    for language, code in re.findall(r"^```(json|toml)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        json.loads(code) if language == "json" else tomllib.loads(code)


def test_table_of_settings_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/settings_table.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in Settings.model_fields:
        assert f"`{name}`" in (ROOT / "docs/settings.md").read_text("utf-8")


def commands(command: Any, path: str, parent: Any = None) -> Iterator[str]:
    yield path
    if hasattr(command, "list_commands"):
        context = command.make_context(path, [], parent=parent, resilient_parsing=True)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}", context)


def test_every_command_is_named() -> None:
    found = list(commands(typer.main.get_command(app), "ostraka"))
    assert {"ostraka serve", "ostraka keys create", "ostraka train bundled"} <= set(found)
    for command in found:
        assert command in re.sub(r"\s+", " ", TEXT), f"no page names '{command}'"


def test_every_route_is_named() -> None:
    routes: list[Any] = list(create_app(Settings(keys_required=False)).routes)
    served = {route.path for route in routes if getattr(route, "include_in_schema", False)}
    assert {"/v1/moderations", "/health"} <= served
    for path in (path.replace(":path}", "}") for path in served):
        assert re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/-])", TEXT), f"no page names {path}"


def test_every_category_and_field_is_named(moderator: Moderator) -> None:
    page = (ROOT / "docs/moderation.md").read_text("utf-8")
    for category in Category:
        line = next(line for line in page.splitlines() if line.startswith(f"| `{category}` |"))
        assert ("*not modelled*" in line) == (category not in moderator.categories)
    for name in Verdict.__struct_fields__:
        assert f"`{name}`" in page


def test_every_part_of_a_policy_is_named() -> None:
    page = (ROOT / "docs/policy.md").read_text("utf-8")
    parts = (CategoryPolicy, Rule, LadderStep, Strikes, Queue, Appeals, Example, PolicyDocument)
    for name in {field for part in parts for field in part.model_fields}:
        assert (
            f"`{name}`" in page
            or f"`[{name}]`" in page
            or f"`[[{name}]]`" in page
            or (name == "categories")
        ), name
    for name, variable in VARIABLES.items():
        assert f"| `{name}` | `{variable.type_name}` | {variable.meaning} |" in page
    for name, meaning in OUTCOME_VARIABLES.items():
        assert f"| `{name}` | `string` | {meaning} |" in page
    for name in [each.name for each in fields(Outcome)] + ["why", "queue", "path", "urgency"]:
        assert f"`{name}`" in page or name in ("policy", "facts", "ladder_step", "error"), name


def test_facts_of_the_page_are_facts() -> None:
    page = (ROOT / "docs/policy.md").read_text("utf-8")
    (written,) = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert Facts.from_json(written).as_dict() == json.loads(written)


def test_every_key_of_the_recipe_is_named() -> None:
    page = (ROOT / "docs/train.md").read_text("utf-8")
    recipe = tomllib.loads((ROOT / "src/ostraka/train/recipes/bundled.toml").read_text("utf-8"))
    sections = [value for name, value in recipe.items() if isinstance(value, dict)]
    keys = {key for section in sections if section is not recipe["sources"] for key in section}
    for key in keys | recipe.keys() - {"sources"}:
        assert f"`{key}`" in page or f"`[{key}]`" in page, key


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs/decisions/dependencies.md").read_text("utf-8")
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    for extra, requirements in groups.items():
        for requirement in requirements:
            name = re.split(r"[\[<>=~! ]", requirement)[0]
            where = f"the extra '{extra}'" if extra else "the core"
            assert f"`{name}`" in page, f"no reason for {name} of {where}"
            assert not extra or f"`{extra}`" in page


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_relative_links_resolve(page: Path) -> None:
    text = re.sub(
        r"^( *)```.*?^\1```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {link}"
        assert not anchor or anchor in anchors(file), f"{name_of(page)} links to {link}"


def test_site_asks_nobody_else(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the docs extra")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        fetched = re.findall(
            r"<(?:script|img|iframe)[^>]* src=\"(.*?)\"|<link[^>]* href=\"(.*?)\"", page.read_text()
        )
        for link in (script or style for script, style in fetched):
            assert not re.match(r"(https?:)?//", link), f"{page.name} fetches {link}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120
