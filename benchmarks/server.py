"""Start a server in a process of its own, load it, end it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Load:
    """What one spell of load saw; `cpu` is the server's processor time a request, in µs."""

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps a second over sockets; `cpu` is the server's processor time a step, in µs."""

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    process: psutil.Process
    port: int
    seconds_to_answer: float

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded answer to one request."""
        return _post(self.port, path, json.dumps(body).encode())

    def load(
        self, path: str, bodies: Sequence[Mapping[str, Any]], *, clients: int, seconds: float
    ) -> Load:
        """`clients` at once for `seconds`.

        Raises:
            RuntimeError: a request was not answered with 200.
        """
        before = self.processor_seconds()
        options = ["127.0.0.1", str(self.port), path, str(clients), str(seconds)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.client", *options],
            input="\n".join(map(json.dumps, bodies)).encode(),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
            timeout=seconds + 60,
        )
        seen = json.loads(done.stdout)
        if seen["failures"]:
            raise RuntimeError(f"{seen['failures']:.0f} requests failed on {path}")
        used = self.processor_seconds() - before
        return Load(seen["rate"], seen["p50"], seen["p99"], used / seen["requests"] * 1e6)

    def step(self, reset: str, steps: Sequence[str], *, clients: int, seconds: float) -> Steps:
        """`clients` sockets at once for `seconds`, each with its own environment.

        Raises:
            RuntimeError: an answer was an error.
        """
        before = self.processor_seconds()
        options = ["127.0.0.1", str(self.port), "/ws", str(clients), str(seconds)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.socket_client", *options],
            input=json.dumps({"reset": reset, "steps": list(steps)}).encode(),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
            timeout=seconds + 60,
        )
        seen = json.loads(done.stdout)
        if seen["failures"] or not seen["steps"]:
            raise RuntimeError(f"{seen['failures']:.0f} messages failed of {seen['steps']:.0f}")
        used = self.processor_seconds() - before
        return Steps(seen["rate"], used / seen["steps"] * 1e6)

    def processor_seconds(self) -> float:
        """What the process has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ostraka(*, health: str = "", **settings: str) -> Iterator[Server]:
    """`ostraka serve`, one worker; where it needs keys, `health` is a path that does not."""
    port = free_port()
    command = [sys.executable, "-m", "ostraka", "serve", "--port", str(port)]
    with _running(command, port, settings, health) as server:
        yield server


@contextmanager
def constant(answer: Path) -> Iterator[Server]:
    """The route that always gives the answer in the file `answer`, one worker."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.constant", str(port), str(answer)]
    with _running(command, port, {}) as server:
        yield server


@contextmanager
def environment() -> Iterator[Server]:
    """`ostraka env serve`."""
    port = free_port()
    command = [sys.executable, "-m", "ostraka", "env", "serve", "--port", str(port)]
    with _running(command, port, {}, "/health") as server:
        yield server


@contextmanager
def openenv_echo(python: Path) -> Iterator[Server]:
    """OpenEnv's server around an echo, by a Python that has it."""
    port = free_port()
    command = [str(python.absolute()), str(ROOT / "benchmarks/openenv_echo.py"), str(port)]
    with _running(command, port, {}, "/health") as server:
        yield server


@contextmanager
def _running(
    command: list[str], port: int, settings: Mapping[str, str], health: str = ""
) -> Iterator[Server]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {f"OSTRAKA_{name.upper()}": x for name, x in settings.items()}
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(process, port, health)
            seconds = time.perf_counter() - started
            yield Server(psutil.Process(process.pid), port, seconds)
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, health: str) -> None:
    """Until it answers: a text to be judged, or what it has at `health`."""
    for _ in range(6000):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            if health:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=30).close()
            else:
                _post(port, "/v1/moderations", b'{"input": "Hello"}')
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("the server did not answer in a minute")


def _post(port: int, path: str, body: bytes) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
