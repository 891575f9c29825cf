"""Keys and limits at the doors, with the vendors' own clients."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import openai
import pytest
from azure.ai.contentsafety import ContentSafetyClient
from azure.ai.contentsafety.models import AnalyzeTextOptions
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from mistralai import Mistral
from mistralai.models import SDKError
from serving import make_key, start_server

from ostraka.access.keys import Scope
from ostraka.access.store import all_keys, revoke_key
from ostraka.errors import SettingsError
from ostraka.settings import load_settings
from ostraka.storage.database import Database

TEXT = "Good morning."
GUARDRAIL = "/beta/litellm_basic_guardrail_api"
ANALYZE = {"comment": {"text": TEXT}, "requestedAttributes": {"TOXICITY": {}}}


@dataclass
class Locked:
    """A running server that asks for keys."""

    address: str
    folder: Path
    log: Path
    key: str
    blind: str

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder}/.ostraka/ostraka.db"

    def revoke(self, key_id: str) -> None:
        with Database.at(self.database_url).writing() as session:
            revoke_key(session, key_id, datetime.now(UTC))

    def moderate(self, key: str | None, **headers: str) -> httpx.Response:
        if key:
            headers["authorization"] = f"Bearer {key}"
        return httpx.post(f"{self.address}/v1/moderations", json={"input": TEXT}, headers=headers)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    server = Locked("", folder, folder / "log", "", "")
    _, server.key = make_key(server.database_url, Scope.MODERATE)
    _, server.blind = make_key(server.database_url, Scope.TRAIN)
    with server.log.open("wb") as log:
        process, server.address = start_server(
            folder, log=log, keys_required="true", log_level="debug"
        )
        yield server
        process.terminate()
        process.wait(20)


def test_openai_client(locked: Locked) -> None:
    def client(key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{locked.address}/v1", api_key=key, max_retries=0)

    assert client(locked.key).moderations.create(input=TEXT).results
    with pytest.raises(openai.AuthenticationError) as wrong:
        client("ost-wrong").moderations.create(input=TEXT)
    assert wrong.value.code == "invalid_api_key"
    assert wrong.value.type == "invalid_request_error"
    assert wrong.value.request_id is not None
    with pytest.raises(openai.PermissionDeniedError) as forbidden:
        client(locked.blind).moderations.create(input=TEXT)
    assert "'moderate'" in forbidden.value.message
    with pytest.raises(openai.NotFoundError):
        client(locked.key).chat.completions.create(model="a", messages=[])


def test_mistral_client(locked: Locked) -> None:
    model = "mistral-moderation-latest"

    def client(key: str) -> Mistral:
        return Mistral(api_key=key, server_url=locked.address)

    assert client(locked.key).classifiers.moderate(model=model, inputs=TEXT).results
    with pytest.raises(SDKError) as wrong:
        client("ost-wrong").classifiers.moderate(model=model, inputs=TEXT)
    assert wrong.value.status_code == 401
    assert json.loads(wrong.value.body) == {"detail": "Unauthorized"}
    with pytest.raises(SDKError) as forbidden:
        client(locked.blind).classifiers.moderate(model=model, inputs=TEXT)
    assert forbidden.value.status_code == 403
    assert json.loads(forbidden.value.body)["object"] == "error"


def test_google_client(locked: Locked) -> None:
    def ask(key: str | None) -> object:
        client = discovery.build(
            "commentanalyzer",
            "v1alpha1",
            developerKey=key,
            discoveryServiceUrl=f"{locked.address}/$discovery/rest?version=v1alpha1",
            static_discovery=False,
        )
        return client.comments().analyze(body=ANALYZE).execute()

    assert ask(locked.key)
    with pytest.raises(HttpError) as wrong:
        ask("ost-wrong")
    assert wrong.value.status_code == 400
    assert wrong.value.reason == "API key not valid. Please pass a valid API key."
    with pytest.raises(HttpError) as forbidden:
        ask(locked.blind)
    assert forbidden.value.status_code == 403
    missing = httpx.post(f"{locked.address}/v1alpha1/comments:analyze", json=ANALYZE)
    assert missing.status_code == 403
    assert missing.json()["error"]["status"] == "PERMISSION_DENIED"
    headers = {"X-Goog-Api-Key": locked.key}
    answer = httpx.post(
        f"{locked.address}/v1alpha1/comments:analyze", json=ANALYZE, headers=headers
    )
    assert answer.status_code == 200


def test_azure_client(locked: Locked) -> None:
    def ask(key: str) -> object:
        client = ContentSafetyClient(locked.address, AzureKeyCredential(key))
        return client.analyze_text(AnalyzeTextOptions(text=TEXT))

    assert ask(locked.key)
    with pytest.raises(ClientAuthenticationError) as wrong:
        ask("ost-wrong")
    assert wrong.value.status_code == 401
    with pytest.raises(HttpResponseError) as forbidden:
        ask(locked.blind)
    assert forbidden.value.error.code == "PermissionDenied"


@pytest.mark.parametrize("name", ["Authorization", "x-api-key"])
def test_litellm_guardrail(locked: Locked, name: str) -> None:
    value = f"Bearer {locked.key}" if name == "Authorization" else locked.key
    ask = {"texts": [TEXT]}
    address = locked.address + GUARDRAIL
    assert httpx.post(address, json=ask, headers={name: value}).json() == {"action": "NONE"}
    refused = httpx.post(address, json=ask, headers={name: value + "x"})
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"


def test_without_a_key_nothing_but_the_public_paths(locked: Locked) -> None:
    assert locked.moderate(None).status_code == 401
    assert locked.moderate(None).headers["www-authenticate"] == "Bearer"
    assert httpx.get(f"{locked.address}/health").status_code == 200
    for path in ("/v1/models", "/v1/nothing", "/nothing", "//health", "/openai/v1/models"):
        assert httpx.get(locked.address + path).status_code == 401, path
    # What no list names is for administrators.
    headers = {"authorization": f"Bearer {locked.key}"}
    assert httpx.get(f"{locked.address}/nothing", headers=headers).status_code == 403
    # The key in the address is Perspective's habit alone.
    asked = httpx.post(f"{locked.address}/v1/moderations?key={locked.key}", json={"input": TEXT})
    assert asked.status_code == 401


def test_running_server_notices_new_and_revoked_keys(locked: Locked) -> None:
    key_id, key = make_key(locked.database_url, Scope.ADMIN)
    assert _becomes(locked, key, 200)
    locked.revoke(key_id)
    assert _becomes(locked, key, 401)


def _becomes(locked: Locked, key: str, status: int) -> bool:
    """Within the five seconds that the documentation promises."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if locked.moderate(key).status_code == status:
            return True
        time.sleep(0.2)
    return False


def test_last_use_is_kept(locked: Locked) -> None:
    locked.moderate(locked.key)
    for _ in range(50):
        with Database.at(locked.database_url).reading() as session:
            if all_keys(session)[0].last_used_at:
                return
        locked.moderate(locked.key)
        time.sleep(0.1)
    pytest.fail("no use was noted")


def test_no_key_is_ever_logged(locked: Locked) -> None:
    for key in (locked.key, locked.blind, "ost-looks-wrong"):
        locked.moderate(key)
        httpx.post(f"{locked.address}/v1alpha1/comments:analyze?key={key}", json=ANALYZE)
        httpx.get(f"{locked.address}/v1alpha1/nothing?key={key}")
    log = locked.log.read_text()
    assert "running" in log
    for key in (locked.key, locked.blind, "ost-looks-wrong"):
        assert key not in log


def test_no_log_level_shows_headers() -> None:
    with pytest.raises(SettingsError, match="log_level"):
        load_settings(log_level="trace")


def test_other_machines_are_refused_while_open_to_this_one(server: str) -> None:
    """A proxy on this machine names its client; that client is not this machine."""
    asked = httpx.post(
        f"{server}/v1/moderations", json={"input": TEXT}, headers={"x-forwarded-for": "192.0.2.1"}
    )
    assert asked.status_code == 401


def test_pages_of_other_sites_change_nothing_while_no_key_is_needed(server: str) -> None:
    """A page may send what has no type to any address, and a form of files too."""
    body = json.dumps({"input": TEXT}).encode()
    for site, status in (("cross-site", 400), ("same-site", 400), ("same-origin", 200)):
        answer = httpx.post(
            f"{server}/v1/moderations", content=body, headers={"sec-fetch-site": site}
        )
        assert answer.status_code == status
    assert answer.json()["results"]
    stranger = {"sec-fetch-site": "cross-site"}
    refused = httpx.post(f"{server}/v1/files", files={"file": ("a.jsonl", b"{}")}, headers=stranger)
    assert refused.status_code == 400
    assert "another site" in refused.text
    assert httpx.get(f"{server}/v1/models", headers=stranger).status_code == 200


def test_first_key_locks_a_server_that_was_open_and_revoking_it_does_not_unlock(
    tmp_path: Path,
) -> None:
    process, address = start_server(tmp_path)
    server = Locked(address, tmp_path, tmp_path, "", "")
    try:
        assert server.moderate(None).status_code == 200
        assert not (tmp_path / ".ostraka").exists()
        key_id, key = make_key(server.database_url, Scope.MODERATE)
        assert _becomes(server, "", 401)
        assert server.moderate(key).status_code == 200
        server.revoke(key_id)
        assert _becomes(server, key, 401)
        assert server.moderate(None).status_code == 401
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_refuses_to_be_reachable_without_keys(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "ostraka", "serve", "--host", host, "--port", "0"]
    answer = subprocess.run(
        command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 1
    assert "ostraka keys create" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_rate_limit(tmp_path: Path) -> None:
    process, address = start_server(tmp_path, requests_per_minute="3")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="unused", max_retries=0)
    try:
        answers = [client.moderations.with_raw_response.create(input=TEXT) for _ in range(3)]
        remaining = [a.headers["x-ratelimit-remaining-requests"] for a in answers]
        assert remaining == ["2", "1", "0"]
        assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
        assert answers[0].headers["x-ratelimit-reset-requests"] == "20s"
        with pytest.raises(openai.RateLimitError) as limited:
            client.moderations.create(input=TEXT)
        assert limited.value.code == "rate_limit_exceeded"
        headers = limited.value.response.headers
        assert 0 < int(headers["retry-after"]) <= 20
        assert 0 < int(headers["retry-after-ms"]) <= 20_000
        assert headers["x-ratelimit-remaining-requests"] == "0"
        google = httpx.post(f"{address}/v1alpha1/comments:analyze", json=ANALYZE)
        assert google.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
        mistral = Mistral(api_key="unused", server_url=address)
        with pytest.raises(SDKError) as slow:
            mistral.classifiers.moderate(model="mistral-moderation-latest", inputs=TEXT)
        assert slow.value.status_code == 429
        assert httpx.get(f"{address}/health").status_code == 200
    finally:
        process.terminate()
        process.wait(20)


def test_keys_in_either_database(database_url: str, tmp_path: Path) -> None:
    _, key = make_key(database_url, Scope.MODERATE)
    process, address = start_server(tmp_path, database_url=database_url)
    try:
        server = Locked(address, tmp_path, tmp_path, "", "")
        assert server.moderate(key).status_code == 200
        assert server.moderate(None).status_code == 401
    finally:
        process.terminate()
        process.wait(20)
