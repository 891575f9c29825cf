"""What the environment says of itself: schemas, metadata, the OpenAPI document, a first page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ostraka import __version__
from ostraka.environment.generator import VERSION
from ostraka.environment.library import Split
from ostraka.environment.play import Feedback, Scale
from ostraka.environment.tasks import TASKS
from ostraka.taxonomy import ViolationType

NAME: Final = "ostraka-moderation-queue"
ABOUT: Final = (
    "A moderation queue: decide about posts by a community's policy, the author's record, the "
    "thread and the appeal. What is right is computed by a policy engine."
)
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.2rem .8rem "
    ".2rem 0;border-bottom:1px solid #8884}tbody th{font-weight:600;white-space:nowrap}"
)
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}


def metadata() -> dict[str, Any]:
    """Name, description and version."""
    return {
        "name": NAME,
        "description": ABOUT,
        "version": __version__,
        "generator_version": VERSION,
        "reward_range": [0.0, 1.0],
    }


def tasks() -> dict[str, Any]:
    """Every task that can be reset to."""
    return {
        "tasks": [
            {
                "id": task.id,
                "size": task.size,
                "actions": [action.value for action in task.actions],
                "description": task.description,
            }
            for task in TASKS.values()
        ],
        "splits": [split.value for split in Split],
    }


def schemas() -> dict[str, Any]:
    """JSON schemas. Exactly one field of an action is required, so that one word can be one."""
    action = {
        "type": "object",
        "properties": {
            "action_type": {**_TEXT, "description": "one of available_actions"},
            "violation_type": {**_TEXT, "enum": list(ViolationType)},
            "reasoning": {**_TEXT, "description": "kept for nobody, and never graded"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["action_type"],
    }
    return {
        "action": action,
        "observation": _observation(),
        "reset_observation": _observation(),
        "state": _state(),
    }


def _observation() -> dict[str, Any]:
    texts = ("post_id", "content", "author_id", "task_id", "task_description", "policy")
    counts = ("queue_position", "queue_total", "current_step", "max_steps")
    return {
        "type": "object",
        "properties": {
            **dict.fromkeys((*texts, "policy_name", "today"), _TEXT),
            **dict.fromkeys(counts, _COUNT),
            "author_history": {
                "type": "object",
                "properties": {"total_violations": _COUNT, "prior_actions": _OBJECTS},
            },
            "is_appeal": {"type": "boolean"},
            "appeal_reason": {"type": ["string", "null"]},
            "context_thread": _OBJECTS,
            "available_actions": {"type": "array", "items": _TEXT},
            "queue_remaining": _OBJECTS,
            "cumulative_reward": {"type": "number"},
            "reward": {"type": ["number", "null"]},
            "done": {"type": "boolean"},
        },
        "required": ["post_id", "content", "author_id"],
    }


def _state() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "episode_id": {"type": ["string", "null"]},
            "step_count": _COUNT,
            "done": {"type": "boolean"},
            "decisions": _OBJECTS,
        },
        "required": ["episode_id", "step_count"],
    }


def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    schema = schemas()
    session = _query("session_id", "the session; without it, the one that you began last")
    resets = [
        _query("task_id", f"one of {', '.join(TASKS)}"),
        _query("seed", "a whole number; the same seed deals the same episode"),
        _query("index", "another word for the seed, as task providers call it"),
        _query("split", f"one of {', '.join(Split)}"),
        _query("feedback", f"one of {', '.join(Feedback)}"),
        _query("reward_scale", f"one of {', '.join(Scale)}"),
        _query("episode_id", "a name for the episode"),
        session,
    ]
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    acts = {"content": {"application/json": {"schema": schema["action"]}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": NAME, "description": ABOUT, "version": "1.0.0"},
        "paths": {
            "/reset": {"post": _operation("Begin an episode", resets, body)},
            "/step": {"post": _operation("Decide about an item", [session], acts)},
            "/state": {"get": _operation("How a session stands", [session])},
            "/health": {"get": _operation("Whether it runs")},
            "/metadata": {"get": _operation("Name and description")},
            "/schema": {"get": _operation("JSON schemas")},
            "/tasks": {"get": _operation("The tasks")},
            "/mcp": {"post": _operation("The Model Context Protocol", [], body)},
        },
    }


def _query(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": _TEXT}


def _operation(
    summary: str, parameters: list[dict[str, Any]] | None = None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {"200": {"description": "OK"}},
    }
    if body:
        operation["requestBody"] = {**body, "required": False}
    return operation


def first_page() -> str:
    """A page for people who open the address in a browser: the tasks, and what can be asked."""
    dealt = [
        (task.id, f"{task.size} posts", ", ".join(map(str, task.actions)))
        for task in TASKS.values()
    ]
    asked = [
        (f"{method.upper()} {path}", operation["summary"], _names(operation))
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    asked.append(("WS /ws", "OpenEnv's messages: reset, step, state, close", ""))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" '
        f'content="light dark"><title>{NAME}</title><style>{_STYLE}</style><h1>{NAME}</h1>'
        f"<p>{ABOUT}</p><h2>Tasks</h2>{_table(('Task', 'Size', 'Actions'), dealt)}"
        f"<h2>Calls</h2>{_table(('Call', 'What it does', 'Parameters'), asked)}"
        "<p>Read on: <a href='openapi.json'>openapi.json</a>, <a href='schema'>schema</a>, "
        "<a href='tasks'>tasks</a>.</p></html>"
    )


def _names(operation: Mapping[str, Any]) -> str:
    return ", ".join(each["name"] for each in operation["parameters"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = "".join(
        f"<tr><th scope=row>{first}</th>{''.join(f'<td>{each}</td>' for each in others)}</tr>"
        for first, *others in rows
    )
    columns = "".join(f"<th scope=col>{each}</th>" for each in head)
    return f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
