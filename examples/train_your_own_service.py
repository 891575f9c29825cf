"""Train your own moderation service: the cookbook's flow, with its own SDK, on your machine.

From raw rows to a classified text through the `mistralai` SDK, in which nothing is changed but
`server_url`. Start a server first (`ostraka serve`), then:

    pip install 'mistralai<2'            # or 'mistralai>=2,<2.5.2'
    python examples/train_your_own_service.py comments.csv

`comments.csv` has the columns of civil_comments: `text`, and shares of annotators from 0 to 1 in
`toxicity`, `severe_toxicity`, `obscene`, `threat`, `insult`, `identity_attack` and
`sexual_explicit`. Parquet and JSONL are read as well.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

try:
    from mistralai import Mistral
except ImportError:  # since version 2
    from mistralai.client import Mistral

SPLITS = ("training", "validation", "test")


def main() -> None:
    options = arguments()
    folder = prepare(options.raw, options.folder, options.sizes)
    client = Mistral(
        api_key=os.environ.get("MISTRAL_API_KEY", "not needed"), server_url=options.server
    )
    job = train(client, folder, options.model, options.steps)
    rows = [
        json.loads(line) for line in (folder / "test_file.jsonl").read_text("utf-8").splitlines()
    ]
    show_one(client, job.fine_tuned_model, rows[0])
    show_quality(client, job.fine_tuned_model, rows)


def prepare(raw: Path, folder: Path, sizes: list[int] | None) -> Path:
    """Rows for training, validation and test, each text in one of them."""
    options = zip(("--train-rows", "--validation-rows", "--test-rows"), sizes or (), strict=False)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ostraka", "data", "prepare", "civil-comments", str(raw)),
            *("--output", str(folder), "--replace"),
            *(word for option, rows in options for word in (option, str(rows))),
        ]
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    return folder


def train(client: Mistral, folder: Path, model: str, steps: int) -> Any:
    """Upload, create, wait, start, wait: the three loops of the cookbook."""
    files = {}
    for split in SPLITS[:2]:
        name = f"{split}_file.jsonl"
        with (folder / name).open("rb") as content:
            files[split] = client.files.upload(file={"file_name": name, "content": content})
    job = client.fine_tuning.jobs.create(
        model=model,
        job_type="classifier",
        training_files=[{"file_id": files["training"].id, "weight": 1}],
        validation_files=[files["validation"].id],
        hyperparameters={"training_steps": steps, "learning_rate": 5e-5},
        auto_start=False,
    )
    print(f"Job {job.id}")

    # The cookbook waits for VALIDATED alone, and for ever where the files are wrong.
    job = client.fine_tuning.jobs.get(job_id=job.id)
    while job.status not in ("VALIDATED", "FAILED_VALIDATION"):
        time.sleep(0.5)
        job = client.fine_tuning.jobs.get(job_id=job.id)
    if job.status == "FAILED_VALIDATION":
        raise SystemExit("\n".join(str(event.data) for event in job.events))

    client.fine_tuning.jobs.start(job_id=job.id)
    job = client.fine_tuning.jobs.get(job_id=job.id)
    shown = 0
    while job.status in ("QUEUED", "RUNNING"):
        if job.checkpoints and job.checkpoints[0].step_number > shown:
            newest = job.checkpoints[0]
            shown = newest.step_number
            print(f"step {newest.step_number}: training loss {newest.metrics.train_loss:.4f}")
            if shown == steps:
                print("all steps made; now the model is evaluated and stored")
        time.sleep(1)
        job = client.fine_tuning.jobs.get(job_id=job.id)
    if job.status != "SUCCESS":
        raise SystemExit(f"{job.status}: {[event.data for event in job.events[-2:]]}")
    for checkpoint in reversed(job.checkpoints):
        if checkpoint.metrics.valid_loss:
            print(f"step {checkpoint.step_number}: validation {checkpoint.metrics.valid_loss:.4f}")
    print(f"Trained {job.fine_tuned_model}")
    return job


def show_one(client: Mistral, model: str, row: dict[str, Any]) -> None:
    """What the cookbook ends with: the first test row."""
    answer = client.classifiers.classify(model=model, inputs=[row["text"]])
    scores = answer.results[0]["moderation"].scores
    print(f"\n{row['text'][:200]!r} is labelled {row['labels']['moderation']}")
    for label, score in sorted(scores.items(), key=lambda pair: -pair[1]):
        print(f"  {label:20} {score:.3f}")


def show_quality(client: Mistral, model: str, rows: list[dict[str, Any]]) -> None:
    """What the cookbook leaves out: F1 per label on the test rows, at a score of 0.5."""
    scores: list[dict[str, float]] = []
    for start in range(0, len(rows), 64):
        texts = [row["text"] for row in rows[start : start + 64]]
        answer = client.classifiers.classify(model=model, inputs=texts)
        scores += [result["moderation"].scores for result in answer.results]
    print(f"\nF1 on {len(rows)} test rows")
    figures = {label: f1(label, rows, scores) for label in scores[0]}
    for label, figure in figures.items():
        print(f"  {label:20} {figure:.3f}")
    print(f"  {'macro':20} {sum(figures.values()) / len(figures):.3f}")


def f1(label: str, rows: list[dict[str, Any]], scores: list[dict[str, float]]) -> float:
    """2 x hits / (2 x hits + false alarms + misses); 0 where there is nothing to find."""
    true = [label in row["labels"]["moderation"] for row in rows]
    said = [each[label] >= 0.5 for each in scores]
    hits = sum(a and b for a, b in zip(true, said, strict=True))
    return 2 * hits / (sum(true) + sum(said)) if hits else 0.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("raw", type=Path, help="raw rows: CSV, Parquet or JSONL")
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--folder", type=Path, default=Path("prepared"))
    parser.add_argument("--model", default="ministral-3b-latest", help="base model or its alias")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=3,
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help="raw rows to look at for each part; all of them if not given",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
