"""A run that is really killed goes on without losing or repeating a row."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from running import KIND, RUDE, environment, ostraka, read

ROWS = 6_000  # seconds of work: enough for a checkpoint before the end


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "in.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            text = "" if number % 1000 == 7 else f"{RUDE if number % 3 == 0 else KIND} {number}"
            file.write(json.dumps({"id": number, "text": text}) + "\n")
    return path


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ostraka", "moderate", *arguments],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
    )


def until_checkpoint(process: subprocess.Popen[bytes], checkpoint: Path) -> int:
    """Wait until some rows are safe; how many."""
    for _ in range(600):
        if checkpoint.exists():
            rows = json.loads(checkpoint.read_text())["counts"]["rows"]
            if rows:
                return rows
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    raise AssertionError("no checkpoint in 12 s")


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.parquet"])
def test_kill_and_go_on(many: Path, tmp_path: Path, name: str) -> None:
    output, arguments = tmp_path / name, ("-f", str(many), "-o", name)
    process = start(tmp_path, *arguments)
    until_checkpoint(process, tmp_path / f"{name}.checkpoint")
    process.send_signal(signal.SIGSTOP)
    busy = ostraka(tmp_path, "moderate", *arguments)
    assert busy.returncode == 1 and "another run is writing" in busy.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = json.loads((tmp_path / f"{name}.checkpoint").read_text())["counts"]["rows"]
    assert 0 < saved < ROWS and not output.exists()

    done = ostraka(tmp_path, "moderate", *arguments)
    assert done.returncode == 3, done.stderr
    assert f"after row {saved:,}" in done.stderr and f"{ROWS:,} rows" in done.stderr
    assert f"{ROWS // 1000} not judged" in done.stderr
    rows = read(output)
    assert [row["id"] for row in rows] == list(range(ROWS))
    for row in rows:
        expected = None if row["id"] % 1000 == 7 else row["id"] % 3 == 0
        assert row["ostraka_flagged"] is expected
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_interrupt_then_change(many: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(many.read_bytes())
    arguments = ("-f", "in.jsonl", "-o", "out.csv")
    process = start(tmp_path, *arguments)
    until_checkpoint(process, tmp_path / "out.csv.checkpoint")
    process.send_signal(signal.SIGINT)
    _, raw = process.communicate(timeout=30)
    assert process.returncode == 130 and b"same command goes on" in raw
    assert b"Traceback" not in raw and not (tmp_path / "out.csv").exists()

    model = ostraka(tmp_path, "moderate", *arguments, "--model", "ostraka-lexical")
    assert model.returncode == 1 and "the model changed since" in model.stderr
    options = ostraka(tmp_path, "moderate", *arguments, "--threshold", "spam=0.4")
    assert options.returncode == 1 and "the options changed" in options.stderr
    with source.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": ROWS, "text": KIND}) + "\n")
    changed = ostraka(tmp_path, "moderate", *arguments)
    assert changed.returncode == 1
    assert "the input file changed since" in changed.stderr and "--restart" in changed.stderr
    source.write_text(json.dumps({"id": 0, "text": KIND}) + "\n", "utf-8")
    again = ostraka(tmp_path, "moderate", *arguments, "--restart")
    assert again.returncode == 0 and len(read(tmp_path / "out.csv")) == 1


def test_parquet_goes_on_in_the_middle_of_a_row_group(tmp_path: Path, many: Path) -> None:
    assert ostraka(tmp_path, "moderate", "-f", str(many), "-o", "in.parquet").returncode == 3
    arguments = ("-f", "in.parquet", "-o", "out.parquet", "--prefix", "again_")
    process = start(tmp_path, *arguments)
    until_checkpoint(process, tmp_path / "out.parquet.checkpoint")
    process.kill()
    process.wait()
    assert ostraka(tmp_path, "moderate", *arguments).returncode == 3
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("id").to_pylist() == list(range(ROWS))
    assert table.column("again_flagged").equals(table.column("ostraka_flagged"))
    assert table.column("again_row").to_pylist() == list(range(1, ROWS + 1))
