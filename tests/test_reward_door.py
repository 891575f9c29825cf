"""`/api/rewards` of a really started server: what Python and the command line say, it says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.judge.client import JudgeClient
from ostraka.judge.labels import seven_labels, shipped_text
from ostraka.judge.rewards import RewardJudge
from ostraka.server.reward_shapes import MOST_CONVERSATIONS
from ostraka.testing.openai_server import ScriptedServer, scripted_server

TURNS = [
    {"id": name, "question": f"What of {name}?", "answer": "This.", "follow_up": f"So, {name}!"}
    for name in (*seven_labels().names, "unsure")
]


def script() -> dict[str, Any]:
    """The judge finds the label that a follow-up names, and is not sure of the last one."""
    rules = [
        {"contains": f"So, {name}!", "step": {"set": {"label": name}, "probability": 0.97}}
        for name in seven_labels().names
    ]
    unsure = {"set": {"label": "pos_praise"}, "probability": 0.55}
    return {"rules": [*rules, {"contains": "So, unsure!", "step": unsure}]}


@pytest.fixture(scope="module")
def reward_judge() -> Iterator[ScriptedServer]:
    with scripted_server(script()) as judge:
        yield judge


@pytest.fixture
def told_judge(reward_judge: ScriptedServer) -> Iterator[ScriptedServer]:
    reward_judge.play(script())
    yield reward_judge


@pytest.fixture(scope="module")
def reward_service(
    reward_judge: ScriptedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    process, address = start_server(
        tmp_path_factory.mktemp("rewards"),
        judge_url=reward_judge.base_url,
        judge_seconds="3",
        judge_cache="false",
    )
    yield address
    process.terminate()
    assert process.wait(20) == 0


def reward(address: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{address}/api/rewards", json=body, headers=headers, timeout=60)


def test_server_python_and_command_line_say_the_same(
    reward_service: str, told_judge: ScriptedServer, tmp_path: Path
) -> None:
    answer = reward(reward_service, {"conversations": TURNS}).json()
    rows = answer["data"]
    by_label = {row["id"]: row["reward"] for row in rows}
    assert by_label["neg_constraint_restate"] == -1.0
    assert by_label["topic_shift"] == by_label["unsure"] == 0.0
    assert [row["should_update"] for row in rows[-2:]] == [False, False]
    assert answer["summary"]["turns"] == len(TURNS)
    assert answer["bad_conversations"] == []

    judge = RewardJudge(JudgeClient(told_judge.base_url))
    told = judge.judge_batch([(t["question"], t["answer"], t["follow_up"]) for t in TURNS])
    wanted = ("label", "confidence", "reward", "should_update", "rationale", "outcome", "document")
    assert [[getattr(each, name) for name in wanted] for each in told] == [
        [row[name] for name in wanted] for row in rows
    ]

    source, target = tmp_path / "turns.jsonl", tmp_path / "rewards.jsonl"
    source.write_text("".join(json.dumps(turn) + "\n" for turn in TURNS), "utf-8")
    command = [sys.executable, "-m", "ostraka", "judge", "rewards", str(source), str(target)]
    done = subprocess.run(
        [*command, "--base-url", told_judge.base_url],
        cwd=tmp_path,
        env=os.environ | {"OSTRAKA_JUDGE_CACHE": "false"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    written = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert sorted(written, key=lambda row: row["turn"]) == rows


def test_conversations_are_cut_and_what_is_none_is_named(
    reward_service: str, told_judge: ScriptedServer
) -> None:
    chat = {
        "id": "c1",
        "messages": [
            {"role": "user", "content": "Name a prime."},
            {"role": "assistant", "content": "Nine."},
            {"role": "user", "content": "So, pos_praise!"},
            {"role": "assistant", "content": "Seven, then."},
            {"role": "user", "content": "So, neg_correction!"},
        ],
    }
    body = {"conversations": [chat, {"text": "alone"}], "history": True}
    answer = reward(reward_service, body).json()
    assert [(row["id"], row["reward"]) for row in answer["data"]] == [("c1:0", 0.8), ("c1:1", -0.8)]
    assert [len(row["history"]) for row in answer["data"]] == [0, 2]
    assert [each["number"] for each in answer["bad_conversations"]] == [2]
    assert "none of the keys" in answer["bad_conversations"][0]["problem"]


def test_threshold_of_the_request_counts(reward_service: str, told_judge: ScriptedServer) -> None:
    body = {"conversations": TURNS[-1:], "threshold": 0.5}
    (row,) = reward(reward_service, body).json()["data"]
    assert (row["reward"], row["should_update"]) == (0.8, True)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ({"do": "status", "status": 500}, "request_failed"),
        ({"do": "refusal"}, "parse_failure"),
        ({"do": "prose"}, "parse_failure"),
        ({"content": "{}"}, "parse_failure"),
    ],
)
def test_failures_train_nothing(
    reward_service: str, told_judge: ScriptedServer, step: dict[str, Any], outcome: str
) -> None:
    told_judge.play({"default": step})
    body = {"conversations": [TURNS[0] | {"follow_up": f"{step}"}], "threshold": 0}
    answer = reward(reward_service, body).json()
    (row,) = answer["data"]
    assert (row["outcome"], row["reward"], row["should_update"]) == (outcome, 0.0, False)
    assert answer["summary"]["labels"] == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "conversations"),
        ({"conversations": []}, "conversations"),
        ({"conversations": [{}] * (MOST_CONVERSATIONS + 1)}, "conversations"),
        ({"conversations": ["text"]}, "conversations[0]"),
        ({"conversations": [{}], "threshold": 1.5}, "threshold"),
        ({"conversations": [{}], "model": "other"}, "model"),
    ],
)
def test_wrong_requests_name_the_field(reward_service: str, body: Any, field: str) -> None:
    answer = reward(reward_service, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"].startswith(field)


def test_a_server_without_a_judge_says_so(server: str) -> None:
    answer = reward(server, {"conversations": TURNS[:1]})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_judge"
    assert "judge_url" in answer.json()["error"]["message"]


def test_labels_of_the_operator_and_the_scope_it_takes(
    reward_judge: ScriptedServer, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.toml"
    url = f"sqlite:///{tmp_path}/ostraka.db"
    _, moderates = make_key(url, Scope.MODERATE)
    _, trains = make_key(url, Scope.TRAIN)
    labels.write_text(shipped_text().replace("pos_praise", "good").replace("0.8", "0.5"), "utf-8")
    process, address = start_server(
        tmp_path, judge_url=reward_judge.base_url, judge_labels=str(labels), database_url=url
    )
    try:
        body = {"conversations": TURNS[:1]}
        assert reward(address, body).status_code == 401
        refused = reward(address, body, authorization=f"Bearer {moderates}")
        assert refused.status_code == 403
        reward_judge.play({"default": {"set": {"label": "good"}, "probability": 0.9}})
        answer = reward(address, body, authorization=f"Bearer {trains}").json()
        assert answer["data"][0]["label"] == "good"
        assert answer["data"][0]["reward"] == 0.5
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_a_wrong_label_document_stops_the_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ostraka", "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ
        | {"OSTRAKA_JUDGE_URL": "http://127.0.0.1:9/v1", "OSTRAKA_JUDGE_LABELS": "missing.toml"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert b"judge_labels" in done.stderr + done.stdout
