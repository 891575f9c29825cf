"""`ostraka data prepare` on a million made-up rows, beside reading the same file twice."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import pyarrow.csv
import pyarrow.parquet

from benchmarks.report import Figure, Goal, arguments, show
from ostraka.cli.data_files import batches
from ostraka.taxonomy import CIVIL_COMMENTS

_READ = "import sys; from benchmarks.prepare import read; read(sys.argv[1])"
_READ_ROWS = "import sys; from benchmarks.prepare import read_rows; read_rows(sys.argv[1])"


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, help="how many; default: a million, or 100,000 quickly")
    options = parser.parse_args()
    rows = options.rows or (100_000 if options.quick else 1_000_000)
    figures = []
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in write_sources(folder, rows):
            path = folder / name
            for recipe in ("balanced", "notebook"):
                figures += measured(path, folder / "out", recipe, rows, 3 if options.quick else 1)
    show(f"preparing {rows:,} rows", figures, options.json)


def measured(path: Path, output: Path, recipe: str, rows: int, rounds: int) -> list[Figure]:
    """Rows a second of a preparation and of two readings; peak memory.

    Of Parquet there are two ways to read: columns, and the rows that the cookbook's notebook asks
    the `datasets` library for.
    """
    command = [sys.executable, "-m", "ostraka", "data", "prepare", "civil-comments", str(path)]
    command += ["--output", str(output), "--recipe", recipe, "--replace", "--json"]
    ours, twice, by_rows, peaks = [], [], [], []
    for _ in range(rounds):
        seconds, peak = run(command)
        ours.append(rows / seconds)
        peaks.append(peak)
        twice.append(rows / run([sys.executable, "-c", _READ, str(path)])[0])
        if path.suffix == ".parquet":
            by_rows.append(rows / run([sys.executable, "-c", _READ_ROWS, str(path)])[0])
    what = f"{path.suffix[1:]}, {recipe}"
    goal = Goal(at_least=1.0)
    figures = [Figure(what, "rows/s", ours, twice, goal)]
    if by_rows:
        figures.append(Figure(f"{what}, rows read by datasets", "rows/s", ours, by_rows, goal))
    return [*figures, Figure(f"{what}: peak memory", "MiB", peaks, goal=Goal(below=2048))]


def run(command: list[str]) -> tuple[float, float]:
    """Seconds that a command takes, start and end included, and the MiB that it used at most."""
    started, peak = time.perf_counter(), 0
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    if process.wait():
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started, peak / 2**20


def read(path: str) -> None:
    """Read a file twice, every column that a preparation reads."""
    for _ in range(2):
        for batch in batches(Path(path), lambda done, total: None):
            for name in ("text", *CIVIL_COMMENTS.names):
                batch.column(name)


def read_rows(path: str) -> None:
    """Read the rows of a Parquet file twice, as `load_dataset` gives them to the notebook."""
    from datasets import load_dataset

    for _ in range(2):
        for row in load_dataset("parquet", data_files=path, split="train", streaming=True):
            row["text"]


def write_sources(folder: Path, rows: int) -> Iterator[str]:
    """The same rows as CSV, JSONL and Parquet, one after the other."""
    whole = folder / "rows.csv"
    with whole.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", *CIVIL_COMMENTS.names))
        writer.writerows(made_up(rows))
    yield whole.name
    table = pyarrow.csv.read_csv(whole)
    pyarrow.parquet.write_table(table, folder / "rows.parquet")
    whole.unlink()
    yield "rows.parquet"
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as lines:
        for batch in table.to_batches(1000):
            lines.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())
    (folder / "rows.parquet").unlink()
    yield "rows.jsonl"


def made_up(rows: int, draw: Callable[[], float] | None = None) -> Iterator[list[object]]:
    """Rows with civil_comments' lengths and rates: eight in a hundred toxic, rare labels rarer."""
    random = Random(0)
    draw = draw or random.random
    words = [f"{random.getrandbits(24):x}" for _ in range(20_000)]
    for _ in range(rows):
        shares = [0.0] * len(CIVIL_COMMENTS.names)
        if draw() < 0.1:
            shares[0] = int(5 + 6 * draw()) / 10
            shares[4] = int(11 * draw()) / 10
            for label in (2, 3, 5, 6):
                shares[label] = 0.6 if draw() < 0.06 else 0.1
        length = int(5 + 85 * draw())
        start = int(draw() * (len(words) - length))
        yield [" ".join(words[start : start + length]) + f" {random.getrandbits(30)}", *shares]


if __name__ == "__main__":
    main()
