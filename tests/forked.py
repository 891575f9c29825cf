"""Processes that branch off one which has loaded the libraries already.

The command line is started some hundred times by the tests. Each start is a process of its own, as
a user's is, but without the second on the processor that its imports would take.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import TimeoutExpired

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("alembic.command", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite", "psycopg"),
        *("numpy", "onnxruntime", "scipy.optimize", "scipy.sparse", "tokenizers"),
        *("pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "zstandard"),
        *("fastapi", "httpx", "jsonschema", "msgspec", "pydantic_settings", "uvicorn"),
        *("rich.markdown", "rich.progress", "rich.table", "typer", "yaml"),
        *("ostraka.assess.artefact", "ostraka.storage.schema", "ostraka.train.data"),
    ]
)


def run_forked(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str], stdin: Path, output: Path
) -> int:
    """The exit status of `ostraka ARGUMENTS`, whose `stdout` and `stderr` lie in `output`.

    Raises:
        TimeoutExpired: it went on for two minutes.
    """
    places = tuple(map(str, (stdin, output / "stdout", output / "stderr")))
    process = ForkServerProcess(
        target=_command, args=(list(arguments), str(folder), dict(variables), places)
    )
    process.start()
    process.join(120)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutExpired(list(arguments), 120)
    return process.exitcode


def _command(
    arguments: list[str], folder: str, variables: dict[str, str], places: tuple[str, str, str]
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for number, path in enumerate(places):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        os.dup2(os.open(path, flags, 0o600), number)
    # All three stay open as long as the process, so no block closes them (SIM115).
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    sys.argv = ["ostraka", *arguments]
    from ostraka.cli.main import main

    main()
