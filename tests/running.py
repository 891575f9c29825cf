"""The real `ostraka` command in a process of its own, and files of rows for it."""

import csv
import gzip
import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from forked import run_forked

RUDE = "You are a stupid idiot."
KIND = "Thank you, have a nice day."


def environment(**variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSTRAKA_")}
    return clean | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"} | variables


def ostraka(
    folder: Path, *arguments: str, stdin: str | bytes | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as scratch:
        output, read_from = Path(scratch), Path(os.devnull)
        if stdin is not None:
            read_from = output / "stdin"
            read_from.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
        status = run_forked(arguments, folder, environment(**variables), read_from, output)
        said, complained = ((output / name).read_text("utf-8") for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(["ostraka", *arguments], status, said, complained)


def read(path: Path) -> list[dict]:
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    elif path.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
    if name.endswith(".parquet"):
        return pq.read_table(path).to_pylist()
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in raw.decode().splitlines()]
    lines = raw.decode().splitlines(keepends=True)
    return list(csv.DictReader(lines, delimiter="\t" if ".tsv" in name else ","))


def write(path: Path, rows: list[dict]) -> None:
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    if name.endswith(".jsonl"):
        content = "".join(json.dumps(row) + "\n" for row in rows)
    elif name.endswith(".txt"):
        content = "".join(f"{row['text']}\n" for row in rows)
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        content = mark.join(rows[0]) + "\n"
        content += "".join(mark.join(f'"{value}"' for value in r.values()) + "\n" for r in rows)
    raw = content.encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    elif path.suffix == ".zst":
        raw = zstandard.compress(raw)
    path.write_bytes(raw)
