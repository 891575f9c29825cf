"""Every vendor's real client, in its real versions, against really started servers."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from client_environments import HERE, Client, Unavailable, clients
from client_servers import serving
from judged_rows import export_all
from tree_exports import write_exports

REQUIRE_ALL = os.environ.get("OSTRAKA_TEST_REQUIRE_ALL", "") not in ("", "0")
LIMITS = {"OSTRAKA_MAX_ITEMS": "8", "OSTRAKA_MAX_BODY_BYTES": "200000"}
SERVE = ("-m", "ostraka", "serve", "--port")
PLAY = ("-m", "ostraka", "env", "serve", "--port")
EXAMPLE = HERE.parents[1] / "examples/openenv"

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Servers with the defaults, that ignore images, fail on demand, deal episodes; exports."""
    commands = {
        "OSTRAKA_TEST_SERVER": (SERVE, LIMITS),
        "OSTRAKA_TEST_SERVER_IGNORING_IMAGES": (SERVE, LIMITS | {"OSTRAKA_IMAGES": "ignore"}),
        "OSTRAKA_TEST_ENVIRONMENT": (PLAY, {}),
        "OSTRAKA_TEST_SERVER_FAULTY": ((str(HERE / "faulty_server.py"),), {}),
    }
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                serving(tmp_path_factory.mktemp("server"), *command, settings=settings)
            )
            for name, (command, settings) in commands.items()
        }
        exports = write_exports(export_all(tmp_path_factory.mktemp("exports")))
        folders = {"OSTRAKA_TEST_EXPORTS": str(exports), "OSTRAKA_TEST_OPENENV": str(EXAMPLE)}
        yield servers | folders


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_client(client: Client, addresses: dict[str, str], tmp_path: Path) -> None:
    try:
        command = client.command()
    except Unavailable as error:
        if REQUIRE_ALL:
            pytest.fail(f"{client.name}: {error}")
        pytest.skip(f"{client.name}: {error}")
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=_environment(addresses),
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode:
        pytest.fail(f"{client.name}\n{done.stdout}\n{done.stderr}", pytrace=False)


def _environment(addresses: dict[str, str]) -> dict[str, str]:
    """Ours without what would leak this environment into the client's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | addresses
