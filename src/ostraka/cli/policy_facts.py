"""Facts from options: a file, `--score hate=0.9`, `--fact author.violations=5`, a text."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ostraka.errors import InvalidInputError
from ostraka.policy.facts import Facts
from ostraka.policy.testing import Score, facts_of_text


def facts_from(
    file: Path | None,
    scores: Sequence[str],
    single: Sequence[str],
    text: str | None,
    classifier: Callable[[], Score],
) -> Facts:
    """The facts that the options state; single ones win over the file's.

    Raises:
        InvalidInputError: an option that is no fact, or nothing at all was stated.
    """
    if text is None and not scores and not single and file is None:
        raise InvalidInputError("give a --text, a --score, a --fact or a file of --facts")
    facts = _read(file) if file is not None else {}
    for option in single:
        name, value = _pair(option, "--fact")
        _put(facts, name.split("."), value, option)
    if text is not None:
        if scores:
            raise InvalidInputError("--text and --score do not go together; use one of them")
        return facts_of_text(text, classifier()(text), facts)
    given = dict(_pair(option, "--score") for option in scores)
    return Facts.from_dict(facts | {"scores": facts.get("scores", {}) | given})


def _read(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"'{file}' is no JSON: {error}", field="--facts") from error
    if not isinstance(facts, dict):
        raise InvalidInputError(f"'{file}' must hold one object of facts", field="--facts")
    return facts


def _pair(option: str, where: str) -> tuple[str, Any]:
    """A name and its value: JSON, or a string without quotes."""
    name, equals, value = option.partition("=")
    if not name or not equals:
        raise InvalidInputError(f"'{option}' is not NAME=VALUE", field=where)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _put(facts: dict[str, Any], steps: list[str], value: Any, option: str) -> None:
    for step in steps[:-1]:
        facts = facts.setdefault(step, {})
        if not isinstance(facts, dict):
            raise InvalidInputError(f"'{option}': '{step}' is one value already", field="--fact")
    facts[steps[-1]] = value
