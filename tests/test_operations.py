"""Health, metrics, overload, hostile requests and stopping, on really started servers."""

import gzip
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import free_port, start_server

DOORS = {
    "/v1/moderations": {"input": "Good morning."},
    "/openai/v1/moderations": {"input": "Good morning."},
    "/mistral/v1/moderations": {"model": "mistral-moderation-latest", "input": "Good morning."},
    "/v1/chat/moderations": {
        "model": "mistral-moderation-latest",
        "input": [{"role": "user", "content": "Good morning."}],
    },
    "/v1alpha1/comments:analyze": {
        "comment": {"text": "Good morning."},
        "requestedAttributes": {"TOXICITY": {}},
    },
    "/v1alpha1/comments:suggestscore": {
        "comment": {"text": "Good morning."},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0.0}}},
        "doNotStore": True,
    },
    "/contentsafety/text:analyze": {"text": "Good morning."},
    "/beta/litellm_basic_guardrail_api": {"texts": ["Good morning."]},
}
SLOW_PROGRAM = (str(Path(__file__).parent / "slow_server.py"), "PORT")
Started = tuple[subprocess.Popen[bytes], str]


def message_of(answer: httpx.Response) -> str:
    """The message, wherever the vendor's envelope has it."""
    body = answer.json()
    if "error" in body:
        return str(body["error"]["message"])
    if isinstance(body.get("detail"), list):
        return str(body["detail"][0]["msg"])
    return str(body.get("message") or body["detail"])


@contextmanager
def started(folder: Path, **options: Any) -> Iterator[Started]:
    process, address = start_server(folder, **options)
    try:
        yield process, address
    finally:
        process.terminate()
        process.wait(20)


Slow = Callable[..., AbstractContextManager[Started]]


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return lambda seconds, **settings: started(
        tmp_path, program=(*SLOW_PROGRAM, str(seconds)), **settings
    )


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def metric(address: str, name: str, **labels: str) -> float:
    text = httpx.get(f"{address}/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


# Health and metrics


def test_health(server: str) -> None:
    health = httpx.get(f"{server}/health").json()
    assert health["status"] == "ok"
    assert "@sha256:" in health["model"]
    assert httpx.get(f"{server}/health/live").json() == {"status": "ok"}
    ready = httpx.get(f"{server}/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "checks": {"classifier": True, "encoder": True}}
    assert ready.headers["cache-control"] == "no-store"


def test_metrics_count_requests_and_texts(server: str) -> None:
    def figures() -> tuple[float, ...]:
        answered = {"route": "/v1/moderations", "method": "POST", "status": "200"}
        return (
            metric(server, "ostraka_http_requests_total", **answered),
            metric(server, "ostraka_http_request_seconds_count", route="/v1/moderations"),
            metric(
                server, "ostraka_http_request_seconds_bucket", route="/v1/moderations", le="30.0"
            ),
            metric(server, "ostraka_texts_total"),
            metric(server, "ostraka_flagged_texts_total", category="harassment"),
        )

    before = figures()
    texts = ["You are a stupid idiot and everybody laughs at you.", "Good morning."]
    httpx.post(f"{server}/v1/moderations", json={"input": texts}).raise_for_status()
    assert [after - then for then, after in zip(before, figures(), strict=True)] == [1, 1, 1, 2, 1]
    assert metric(server, "ostraka_model_info") == 1
    assert metric(server, "process_resident_memory_bytes") > 0


def test_metrics_hold_templates_and_never_what_was_sent(server: str) -> None:
    httpx.get(f"{server}/v1/models/some-odd-name")
    httpx.get(f"{server}/some/odd/path")
    httpx.request("TRACE", f"{server}/v1/moderations")
    answer = httpx.get(f"{server}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "odd" not in answer.text.lower()
    assert metric(server, "ostraka_http_requests_total", route="/v1/models/{model:path}") >= 1
    assert metric(server, "ostraka_http_requests_total", route="unmatched") >= 1
    assert metric(server, "ostraka_http_requests_total", method="other") >= 1


# Hostile requests

# With no time in its head: the bytes name the test, which every process has to call the same.
COMPRESSED = gzip.compress(b'{"input": "a"}', mtime=0)


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    ("content", "headers", "statuses"),
    [
        (b'{"input": "\xff\xfe"}', {}, (400, 422)),
        (b'{"input": "a", "text": NaN}', {}, (400, 422)),
        (b'{"input": "a", "text": 1e999}', {}, (400, 422)),
        (b'{"input": "\\ud800"}', {}, (400, 422)),
        (b'{"text": "\\udc00\\ud800", "model": "\\ud800"}', {}, (400, 422)),
        (b'{"input":' * 2000 + b"1" + b"}" * 2000, {}, (400, 422)),
        (b"[" * 100_000, {}, (400, 422)),
        (b'{"input": ' + b"9" * 5000 + b"}", {}, (400, 422)),
        (b"\x00", {}, (400, 422)),
        (b"input=a", {"content-type": "application/x-www-form-urlencoded"}, (415,)),
        (b'{"input": "a"}', {"content-type": "text/plain"}, (415,)),
        (b"x", {"content-type": "multipart/form-data; boundary=x"}, (415,)),
        (COMPRESSED, {"content-encoding": "gzip"}, (415,)),
        (COMPRESSED, {}, (400, 422)),
        (b" " * 200_001, {}, (413,)),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, bytes) else "",
)
def test_hostile_bodies_get_clear_errors(
    server: str, path: str, content: bytes, headers: dict[str, str], statuses: tuple[int, ...]
) -> None:
    headers = {"content-type": "application/json"} | headers
    answer = httpx.post(server + path, content=content, headers=headers)
    assert answer.status_code in statuses
    assert message_of(answer)


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "application/vnd.a+json", ""])
def test_json_by_another_name_is_taken(server: str, kind: str) -> None:
    content = json.dumps(DOORS["/v1/moderations"]).encode()
    headers = {"content-type": kind}
    answer = httpx.post(f"{server}/v1/moderations", content=content, headers=headers)
    assert answer.status_code == 200


def long_body(path: str, text: str) -> dict[str, Any]:
    return json.loads(json.dumps(DOORS[path]).replace("Good morning.", text))


@pytest.mark.parametrize("path", DOORS)
def test_long_texts_get_clear_errors(server: str, path: str) -> None:
    answer = httpx.post(server + path, json=long_body(path, "a" * 100_001))
    assert answer.status_code in (400, 422)
    assert any(word in message_of(answer) for word in ("at most", "too long"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/moderations", {"input": ["a"] * 9}),
        ("/mistral/v1/moderations", {"model": "mistral-moderation-latest", "input": ["a"] * 9}),
        ("/beta/litellm_basic_guardrail_api", {"texts": ["a"] * 9}),
        (
            "/v1/chat/moderations",
            {"model": "m", "input": [[{"role": "user", "content": "a"}]] * 9},
        ),
    ],
)
def test_too_many_texts_get_clear_errors(server: str, path: str, body: dict[str, Any]) -> None:
    answer = httpx.post(server + path, json=body)
    assert answer.status_code in (400, 422)
    assert "at most 8" in message_of(answer)


@pytest.mark.parametrize(
    "body",
    [
        {"texts": [], "tool_calls": [{"function": {"arguments": {"a": 1}}}]},
        {"texts": [], "tool_calls": [{"function": "a"}]},
        {"texts": [], "tool_calls": 0},
        {"texts": [], "images": ""},
    ],
)
def test_what_cannot_be_judged_does_not_pass_the_guardrail(
    server: str, body: dict[str, Any]
) -> None:
    answer = httpx.post(f"{server}/beta/litellm_basic_guardrail_api", json=body)
    assert answer.status_code == 400


# Overload


def test_full_server_refuses_at_once_and_stays_observable(slow: Slow) -> None:
    with slow(6.0, max_running_requests="2") as (_, address):
        with ThreadPoolExecutor(2) as threads:
            running = [
                threads.submit(
                    httpx.post, f"{address}/v1/moderations", json={"input": "a"}, timeout=30
                )
                for _ in range(2)
            ]
            wait_until(lambda: metric(address, "ostraka_running_requests") == 2)
            for path, body in DOORS.items():
                refused = httpx.post(address + path, json=body)
                assert not any(each.done() for each in running), "it waited for its turn"
                assert refused.status_code == 503
                assert int(refused.headers["retry-after"]) >= 1
                assert "2 requests" in message_of(refused)
            assert httpx.get(f"{address}/health/live").status_code == 200
            assert [each.result().status_code for each in running] == [200, 200]
        again = httpx.post(f"{address}/v1/moderations", json={"input": "a"}, timeout=30)
        assert again.status_code == 200


def test_too_many_waiting_texts_get_429(slow: Slow) -> None:
    limits = {"max_pending_texts": "4", "encoder_batch": "1"}
    with slow(1.0, **limits) as (_, address), ThreadPoolExecutor(1) as threads:
        url = f"{address}/v1/moderations"
        first = threads.submit(httpx.post, url, json={"input": ["a"] * 4}, timeout=20)
        wait_until(lambda: metric(address, "ostraka_pending_texts") == 3)
        refused = httpx.post(f"{address}/v1/moderations", json={"input": ["a"] * 2})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert first.result().status_code == 200


def test_late_answers_become_503_and_leave_the_queue(slow: Slow) -> None:
    with slow(1.0, request_seconds="0.3", encoder_batch="1") as (_, address):
        late = httpx.post(f"{address}/v1/moderations", json={"input": ["a", "b", "c"]})
        assert late.status_code == 503
        assert "0.3 seconds" in message_of(late)
        wait_until(lambda: metric(address, "ostraka_pending_texts") == 0, seconds=4)


def connection(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


HEAD = (
    b"POST /v1/moderations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 1000\r\n\r\n"
)


def test_slow_bodies_are_ended_and_left_ones_do_no_harm(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        started(tmp_path, log=log, request_seconds="0.6") as (process, address),
    ):
        slow_one, *leaving = [connection(address) for _ in range(20)]
        for each in (slow_one, *leaving):
            each.sendall(HEAD + b'{"input": "')
        wait_until(lambda: metric(address, "ostraka_running_requests") == 20)
        for each in leaving:
            each.close()
        wait_until(lambda: metric(address, "ostraka_running_requests") <= 1)
        answer = b"".join(iter(lambda: slow_one.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not arrive within 0.6 seconds" in answer
        wait_until(lambda: metric(address, "ostraka_running_requests") == 0)
        assert metric(address, "ostraka_http_requests_total", status="499") == 19
        assert httpx.post(f"{address}/v1/moderations", json={"input": "a"}).status_code == 200
        process.terminate()
        assert process.wait(20) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_unread_answers_are_ended(tmp_path: Path) -> None:
    with started(tmp_path, request_seconds="1") as (process, address):
        body = json.dumps({"input": ["Good morning."] * 1024}).encode()
        request = HEAD.replace(b"1000", str(len(body)).encode()) + body
        with connection(address) as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            unread.sendall(request)
            wait_until(lambda: metric(address, "ostraka_texts_total") == 1024)
            wait_until(lambda: metric(address, "ostraka_running_requests") == 0)
            assert httpx.get(f"{address}/health/ready").status_code == 200
        process.terminate()
        assert process.wait(20) == 0


# Stopping


def test_stop_finishes_what_runs_and_refuses_the_rest(slow: Slow) -> None:
    with slow(1.5) as (process, address), ThreadPoolExecutor(1) as threads:
        assert httpx.get(f"{address}/health/ready").json()["status"] == "ready"
        running = threads.submit(
            httpx.post, f"{address}/v1/moderations", json={"input": "a"}, timeout=20
        )
        wait_until(lambda: metric(address, "ostraka_running_requests") == 1)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{address}/health/ready").status_code == 503)
        ready = httpx.get(f"{address}/health/ready").json()
        assert ready["status"] == "stopping"
        refused = httpx.post(f"{address}/v1/moderations", json={"input": "a"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"
        assert running.result().status_code == 200
        assert process.wait(3) == 0
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{address}/health")


def test_stop_waits_no_longer_than_it_may(slow: Slow) -> None:
    with slow(60.0, shutdown_seconds="1") as (process, address), ThreadPoolExecutor(1) as threads:
        running = threads.submit(
            httpx.post, f"{address}/v1/moderations", json={"input": "a"}, timeout=90
        )
        wait_until(lambda: metric(address, "ostraka_running_requests") == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        ended = running.result()
        assert ended.status_code == 503
        assert "stopping" in message_of(ended)


def test_stop_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    with (
        started(tmp_path, shutdown_seconds="60") as (process, address),
        httpx.Client() as idle,
    ):
        idle.get(f"{address}/health")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_stop_gives_up_half_sent_requests(tmp_path: Path) -> None:
    with (
        started(tmp_path, shutdown_seconds="1") as (process, address),
        connection(address) as half,
    ):
        half.sendall(HEAD)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_taken_port_is_a_clear_end(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        with pytest.raises(RuntimeError, match=r"ended with [^0]"):
            start_server(
                tmp_path,
                program=("-m", "ostraka", "serve", "--port", str(taken.getsockname()[1])),
            )


@pytest.mark.parametrize("kept", ["true", "false"])
def test_texts_are_logged_only_if_asked_for(tmp_path: Path, kept: str) -> None:
    with (tmp_path / "log").open("wb") as log:
        process, address = start_server(tmp_path, log=log, log_content=kept)
        httpx.post(f"{address}/v1/moderations", json={"input": "You are a stupid idiot."})
        process.terminate()
        process.wait(20)
    assert ("You are a stupid idiot" in after_start((tmp_path / "log").read_text())) == (
        kept == "true"
    )


def after_start(log: str) -> str:
    """The log without the example that every start prints."""
    return log.partition("Uvicorn running")[2]
