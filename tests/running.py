"""The real `ostraka` command in a process of its own, and files of rows for it."""

import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

RUDE = "You are a stupid idiot."
KIND = "Thank you, have a nice day."


def environment(**variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSTRAKA_")}
    return clean | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"} | variables


def ostraka(
    folder: Path, *arguments: str, stdin: str | bytes | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    raw = subprocess.run(
        [sys.executable, "-m", "ostraka", *arguments],
        cwd=folder,
        env=environment(**variables),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=120,
    )
    return subprocess.CompletedProcess(
        raw.args, raw.returncode, raw.stdout.decode(), raw.stderr.decode()
    )


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
