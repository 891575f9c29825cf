"""Perspective's `comments:suggestscore`, and what comes of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from googleapiclient import discovery
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.storage.database import Database
from ostraka.suggestions.store import labelled_rows
from ostraka.taxonomy import Category

TEXT = "What a “silly” idea – naïve!"


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("keeping")
    process, address = start_server(folder)
    yield address, folder
    process.terminate()
    process.wait(20)


def suggest(address: str, **body: Any) -> httpx.Response:
    defaults = {
        "comment": {"text": TEXT},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0.25}}},
    }
    return httpx.post(f"{address}/v1alpha1/comments:suggestscore?key=k", json=defaults | body)


def export(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "ostraka", "suggestions", "export", *arguments]
    answer = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return [json.loads(line) for line in answer.stdout.decode().splitlines()]


def test_kept_and_given_back_for_training(keeping: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = keeping
    scores = {"TOXICITY": 0.25, "PROFANITY": 0, "OBSCENE": 1, "APPROVED": 1.0}
    answer = suggest(
        address,
        attributeScores={name: {"summaryScore": {"value": v}} for name, v in scores.items()},
        clientToken="comment-7",
        communityId="news",
        languages=["en"],
        sessionId="ignored",
    )
    assert answer.json() == {"detectedLanguages": ["en"], "clientToken": "comment-7"}
    [row] = export(folder, "--community", "news")
    assert (row["source"], row["text"]) == ("suggestions", TEXT)
    assert row["labels"] == {Category.TOXICITY: 0.25, Category.PROFANITY: 1.0}
    assert row["orig"]["scores"] == scores
    assert row["orig"]["client_token"] == "comment-7"
    assert row["orig"]["created_at"].endswith("+00:00")

    data = pytest.importorskip("ostraka.train.data")
    file = tmp_path / "train.jsonl"
    export(folder, "--output", str(file))
    rows = list(data.read_rows(file))
    assert rows[0].labels[Category.TOXICITY] == 0.25


def test_google_client(keeping: tuple[str, Path]) -> None:
    address, folder = keeping
    client = discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey="k",
        discoveryServiceUrl=f"{address}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    )
    body = {
        "comment": {"text": TEXT},
        "attributeScores": {"DELETED": {"summaryScore": {"value": 1}}},
        "communityId": "google",
        "clientToken": "t",
    }
    assert client.comments().suggestscore(body=body).execute()["clientToken"] == "t"
    [row] = export(folder, "--community", "google")
    assert row["labels"] == {}


def test_a_request_may_ask_not_to_be_kept(keeping: tuple[str, Path]) -> None:
    address, folder = keeping
    assert suggest(address, communityId="private", doNotStore=True).status_code == 200
    assert export(folder, "--community", "private") == []


@pytest.mark.parametrize(
    ("body", "kind", "names"),
    [
        ({"comment": {"text": " "}}, "COMMENT_EMPTY", "non-empty"),
        ({"comment": {"text": "é" * 10_241}}, "COMMENT_TOO_LONG", "too long"),
        ({"comment": {"text": "a\0b"}}, "INVALID_REQUEST", "comment.text"),
        ({"comment": "a"}, "INVALID_REQUEST", "comment"),
        ({"attributeScores": None}, "INVALID_REQUEST", "attribute_scores"),
        ({"attributeScores": {}}, "INVALID_REQUEST", "attribute_scores"),
        ({"attributeScores": {"A": 1}}, "INVALID_REQUEST", "attributeScores.A"),
        ({"attributeScores": {"A": {"summaryScore": {}}}}, "INVALID_REQUEST", "summaryScore"),
        (
            {"attributeScores": {"A": {"summaryScore": {"value": 1.5}}}},
            "INVALID_REQUEST",
            "from 0 to 1",
        ),
        (
            {"attributeScores": {"A": {"summaryScore": {"value": True}}}},
            "INVALID_REQUEST",
            "from 0 to 1",
        ),
        (
            {"attributeScores": {str(n): {"summaryScore": {"value": 1}} for n in range(101)}},
            "INVALID_REQUEST",
            "100",
        ),
        ({"languages": "en"}, "INVALID_REQUEST", "languages"),
        ({"languages": [1]}, "INVALID_REQUEST", "languages"),
        ({"clientToken": "a" * 1001}, "INVALID_REQUEST", "clientToken"),
        ({"communityId": 7}, "INVALID_REQUEST", "communityId"),
    ],
)
def test_bad_input(keeping: tuple[str, Path], body: dict[str, Any], kind: str, names: str) -> None:
    answer = suggest(keeping[0], **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["details"][0]["errorType"] == kind
    assert names in error["message"]


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process, address = start_server(tmp_path, data_dir=str(tmp_path / "file"))
    try:
        answer = suggest(address)
        assert answer.status_code == 503
        assert answer.json()["error"]["status"] == "UNAVAILABLE"
        assert str(tmp_path) not in answer.text
        assert answer.headers["retry-after"]
    finally:
        process.terminate()
        process.wait(20)


def test_needs_the_scope_contribute_and_names_who_vouches(
    database_url: str, tmp_path: Path
) -> None:
    _, asks = make_key(database_url, Scope.MODERATE)
    who, gives = make_key(database_url, Scope.CONTRIBUTE)
    process, address = start_server(tmp_path, database_url=database_url)
    path = f"{address}/v1alpha1/comments:suggestscore?key="
    body = {
        "comment": {"text": TEXT},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}},
    }
    try:
        assert httpx.post(path + asks, json=body).status_code == 403
        assert httpx.post(path + gives, json=body).status_code == 200
    finally:
        process.terminate()
        process.wait(20)
    with Database.at(database_url).reading() as session:
        [row] = labelled_rows(session)
    assert row["orig"]["key"] == who
