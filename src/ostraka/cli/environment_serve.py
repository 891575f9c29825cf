"""`ostraka env serve`: the environment by itself, for agents and trainers."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer
import uvicorn

from ostraka.cli.console import notices
from ostraka.errors import InvalidInputError
from ostraka.server.direct_socket import DirectWebSocket
from ostraka.server.environment.start import EarlyAnswers

KEY: Final = "OSTRAKA_ENVIRONMENT_KEY"
SECRET: Final = "OSTRAKA_ENVIRONMENT_SECRET"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    sessions: Annotated[
        Path | None,
        typer.Option(help="Keep sessions in this SQLite file, so that they outlive the server."),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Mix in the real items of this file (ostraka env items).")
    ] = None,
    items_share: Annotated[
        float, typer.Option(help="The share of items that are real ones.")
    ] = 0.3,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Listen beyond this machine without a key.")
    ] = False,
) -> None:
    """Serve the environment over HTTP and WebSocket until stopped.

    Clients bring the key in OSTRAKA_ENVIRONMENT_KEY, as a bearer token or as the password in the
    address. OSTRAKA_ENVIRONMENT_SECRET makes its episodes others than anybody can generate.

    For example:

      ostraka env serve --port 7860 --sessions sessions.db

    Exit codes: 0 stopped; 1 the file cannot be used; 2 wrong usage.
    """
    key = os.environ.get(KEY, "")
    if not key and not unprotected and not _is_here(host):
        raise InvalidInputError(
            f"{host} can be reached by others: set {KEY}, or say --unprotected", field="--host"
        )
    application = EarlyAnswers(
        {
            "secret": os.environ.get(SECRET, ""),
            "key": key,
            "file": sessions,
            "items": items,
            "items_share": items_share,
        }
    )
    if sessions or items:
        application.load_now()  # a file that cannot be used is told at once
    notices().print(f"The environment is at http://{host}:{port}")
    uvicorn.run(
        application,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        ws=DirectWebSocket,
        lifespan="off",
        ws_per_message_deflate=False,  # it costs more than a step
    )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
