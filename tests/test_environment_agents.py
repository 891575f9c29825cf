"""`ostraka env run` against servers: of the environment, and of language models."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ostraka
from serving import served

from ostraka.testing.openai_server import scripted_server

PROGRAM = ("-m", "ostraka", "env", "serve", "--port", "PORT")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("environment"), program=PROGRAM) as address:
        yield address


def env_run(task: str, agent: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return ostraka(Path.cwd(), "env", "run", "--task", task, "--agent", agent, **variables)


def test_an_agent_plays_on_a_server_as_in_process(address: str) -> None:
    here = env_run("task_hard", "policy")
    there = env_run("task_hard", "policy", ENV_BASE_URL=f"{address}/")
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout


def test_a_server_that_is_not_there_is_said() -> None:
    done = env_run("task_easy", "policy", ENV_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert env_run("task_easy", "oracle", ENV_BASE_URL="http://127.0.0.1:9").returncode == 2


def test_a_language_model_plays_and_its_nonsense_is_marked() -> None:
    good = {"action_type": "remove", "violation_type": "spam", "confidence": 0.9}
    script = {
        "steps": [
            {"content": json.dumps(good)},
            {"content": f"Here you are: ```json\n{json.dumps(good)}\n```"},
            {"do": "prose"},
            {"do": "empty"},
            {"do": "truncated_json"},
            {"do": "refusal"},
            {"content": '{"action_type": null}'},
            {"content": '{"action_type": "remove", "violation_type": ["spam"]}'},
        ]
    }
    with scripted_server(script) as model:
        variables = {"API_BASE_URL": model.base_url, "MODEL_NAME": "scripted", "HF_TOKEN": "x"}
        done = env_run("task_easy", "llm", **variables)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "[START] task_id=task_easy model=scripted"
    actions = [line.split()[3] for line in lines if line.startswith("[STEP]")]
    marked = "action=malformed"
    assert actions == ["action=remove"] * 2 + [marked] * 5 + ["action=remove"]
    assert all("reward=0.0000" in line for line in lines if marked in line)
    assert "violation=['spam']" in done.stdout


@pytest.mark.parametrize(
    ("form", "statuses"),
    [
        ({}, {"200": 8}),
        ({"json_schema": "no"}, {"400": 1, "200": 8}),
        ({"json_schema": "fails", "object_schema": "no"}, {"500": 1, "400": 1, "200": 8}),
    ],
)
def test_a_language_model_is_held_to_a_schema_where_its_server_can(
    form: dict[str, str], statuses: dict[str, int]
) -> None:
    content = json.dumps({"action_type": "remove", "violation_type": "spam", "confidence": 0.9})
    with scripted_server({"default": {"content": content}, **form}) as model:
        variables = {"API_BASE_URL": model.base_url, "MODEL_NAME": "m", "HF_TOKEN": "x"}
        done = env_run("task_easy", "llm", **variables)
        seen = model.state()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("action=remove") == 8
    assert seen["statuses"] == statuses
    asked = seen["last"].get("response_format", {}).get("type", "text")
    refused = [name for name in ("json_schema", "object_schema") if name in form]
    assert asked == ("json_schema", "json_object", "text")[len(refused)]


def test_a_language_model_needs_its_variables() -> None:
    done = env_run("task_easy", "llm", API_BASE_URL="", MODEL_NAME="m", HF_TOKEN="")
    assert done.returncode == 1
    assert "API_BASE_URL, HF_TOKEN" in done.stderr


def test_a_model_that_fails_ends_the_run_clearly() -> None:
    with scripted_server({"steps": [{"do": "status", "status": 401}]}) as model:
        variables = {"API_BASE_URL": model.base_url, "MODEL_NAME": "m", "HF_TOKEN": "x"}
        done = env_run("task_easy", "llm", **variables)
    assert done.returncode == 1
    assert "401" in done.stderr
