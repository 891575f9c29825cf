"""`ostraka jobs …` and `ostraka models compare` on jobs that are really trained by a worker."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from factory_client import ENDED, example, examples
from running import environment, ostraka
from serving import start_server

from ostraka.factory.base import Factory
from ostraka.factory.jobs import find_job
from ostraka.settings import Settings

pytest.importorskip("sklearn", reason="needs the train extra")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with rows, and a worker for its jobs."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "rows.jsonl").write_bytes(examples(60))
    (folder / "other.jsonl").write_bytes(examples(80, 200))
    (folder / "test.jsonl").write_bytes(examples(30, 1000))
    worker = subprocess.Popen(
        [sys.executable, "-m", "ostraka", "worker"], cwd=folder, env=environment()
    )
    yield folder
    worker.terminate()
    assert worker.wait(30) == 0


def asked(folder: Path, *words: str) -> Any:
    done = ostraka(folder, "jobs", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def job(folder: Path) -> Any:
    """A job that was made, trained and followed by one command."""
    words = ("--validation", "test.jsonl", "--steps", "12", "--learning-rate", "5e-5")
    done = ostraka(folder, "jobs", "create", "rows.jsonl", *words, "--suffix", "cli", "--watch")
    assert done.returncode == 0, done.stderr
    assert "SUCCESS, step 12/12, training loss" in done.stdout.splitlines()[-1]
    assert "Trained ft:classifier:ostraka-lexical:" in done.stderr
    [job] = asked(folder, "list", "--suffix", "cli")["data"]
    return job


def test_create_makes_what_the_api_makes(folder: Path, job: Any) -> None:
    shown = asked(folder, "show", job["id"][:8])
    assert shown["status"] == "SUCCESS"
    assert shown["hyperparameters"]["training_steps"] == 12
    assert shown["hyperparameters"]["learning_rate"] == 5e-5
    assert (len(shown["training_files"]), len(shown["validation_files"])) == (1, 1)
    assert [each["step_number"] for each in shown["checkpoints"]] == list(range(12, 0, -1))


def test_jobs_are_shown_to_people(folder: Path, job: Any) -> None:
    listed = ostraka(folder, "jobs", "list").stdout
    assert job["id"] in listed
    assert "SUCCESS" in listed
    assert job["fine_tuned_model"] in listed, "the name to call is cut off"
    shown = ostraka(folder, "jobs", "show", job["id"]).stdout
    assert job["fine_tuned_model"] in shown
    for words in ("fine-tuned model", "moderation (multi class)", "training loss", "VALIDATED"):
        assert words in shown
    logs = ostraka(folder, "jobs", "logs", job["id"])
    assert "RUNNING" in logs.stdout
    events = ostraka(folder, "jobs", "logs", job["id"], "--json").stdout.splitlines()
    assert {"status-updated", "evaluating"} <= {json.loads(line)["name"] for line in events}
    watched = ostraka(folder, "jobs", "watch", job["id"])
    assert watched.returncode == 0


def test_a_job_is_started_and_cancelled_by_hand(folder: Path, job: Any) -> None:
    words = ("--no-start", "--steps", "100000", "--epochs", "1")
    made = asked(folder, "create", "other.jsonl", *words, "--watch")
    assert made["status"] == "VALIDATED"
    again = ostraka(folder, "jobs", "create", "other.jsonl", *words)
    assert (again.returncode, "already" in again.stderr) == (2, True)
    assert asked(folder, "start", made["id"])["status"] in ("QUEUED", "RUNNING")
    cancelled = asked(folder, "cancel", made["id"])
    assert cancelled["status"] in ("CANCELLED", "CANCELLATION_REQUESTED")
    assert ostraka(folder, "jobs", "watch", made["id"]).returncode == 1
    assert asked(folder, "show", made["id"])["status"] == "CANCELLED"
    assert ostraka(folder, "jobs", "start", made["id"]).returncode == 2


def test_what_cannot_be_is_said_in_a_line(folder: Path) -> None:
    (folder / "bad.jsonl").write_text("no json\n")
    (folder / "rows.csv").write_text("a,b\n")
    for words, said in (
        (["bad.jsonl"], "bad.jsonl: "),
        (["rows.csv"], "only .jsonl is taken"),
        (["missing.jsonl"], "does not exist"),
        (["rows.jsonl", "--model", "gpt"], "Invalid model: gpt"),
        (["rows.jsonl", "--suffix", "x" * 19], "suffix"),
        (["rows.jsonl", "--learning-rate", "3"], "learning_rate"),
    ):
        done = ostraka(folder, "jobs", "create", *words)
        assert done.returncode in (1, 2), words
        assert said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    assert "No job has the id" in ostraka(folder, "jobs", "show", "none").stderr
    far = ostraka(folder, "jobs", "list", "--page", "9" * 20)
    assert far.returncode == 2 and "--page" in far.stderr


def test_a_folder_is_found_from_wherever_the_worker_stands(folder: Path) -> None:
    (folder / "encoder").mkdir()
    (folder / "encoder/config.json").write_text('{"model_type": "gpt2"}', "utf-8")
    job = asked(folder, "create", "rows.jsonl", "--model", "encoder")
    assert job["model"] == str((folder / "encoder").resolve())
    wrong = ostraka(folder, "jobs", "create", "rows.jsonl", "--model", "missing")
    assert "the folder of an encoder" in wrong.stderr


def test_a_model_is_measured_on_test_rows(folder: Path, job: Any) -> None:
    words = ("--test", "test.jsonl", "--steps", "3", "--suffix", "measured", "--watch")
    done = ostraka(folder, "jobs", "create", "rows.jsonl", *words)
    assert done.returncode == 0, done.stderr
    assert "loss 0.0000" not in done.stdout, "losses for each token are tiny"
    [measured] = asked(folder, "list", "--suffix", "measured")["data"]
    [file] = (folder / ".ostraka/objects/models").glob(f"{measured['id']}-*/metrics.json")
    metrics = json.loads(file.read_text("utf-8"))
    assert metrics["test"]["rows"] == 30
    assert measured["test_files"] == job["validation_files"], "the same bytes, kept once"


def test_two_models_are_compared(folder: Path, job: Any) -> None:
    other = asked(folder, "create", "other.jsonl", "--steps", "3", "--watch")
    assert other["status"] == "SUCCESS"
    names = (job["fine_tuned_model"], other["fine_tuned_model"])
    words = ("models", "compare", *names, "--data", "test.jsonl", "--draws", "100")
    done = ostraka(folder, *words)
    assert done.returncode == 0, done.stderr
    for shown in (*names, "macro", "insult", "rude", "30 rows"):
        assert shown in done.stdout.replace("\n", " ")
    found = json.loads(ostraka(folder, *words, "--json").stdout)
    assert set(found["targets"]) == {"moderation", "tone"}
    folded = ostraka(folder, *words[:4], "--data", ".")
    assert folded.returncode == 2 and "is a directory" in folded.stderr
    wrong = ostraka(folder, "models", "compare", names[0], "ft:none", "--data", "test.jsonl")
    assert wrong.returncode == 2
    assert "ft:none" in wrong.stderr


def test_a_model_is_put_into_the_cascade_by_its_id(folder: Path, job: Any) -> None:
    text, name = "thank you very much, number 4", job["fine_tuned_model"]
    process, address = start_server(folder, fine_tuned_model=name)
    body = {"model": name, "input": text}
    [own] = httpx.post(f"{address}/v1/classifications", json=body).json()["results"]
    process.terminate()
    assert process.wait(20) == 0
    words = ("moderate", text, "--model", "ostraka-encoder", "--json")
    plain = json.loads(ostraka(folder, *words).stdout)
    tuned = ostraka(folder, *words, OSTRAKA_FINE_TUNED_MODEL=name)
    scores = json.loads(tuned.stdout)["scores"]
    assert scores["insult"] == pytest.approx(own["moderation"]["scores"]["insult"], abs=1e-4)
    assert scores["insult"] != plain["scores"]["insult"]
    assert scores["spam"] == plain["scores"]["spam"]


# Limits


def limited(folder: Path, **settings: str) -> Any:
    """The last event of a long job under limits, and what it left on disk."""
    (folder / "rows.jsonl").write_bytes(b"".join(map(_line, range(2000))))
    variables = {f"OSTRAKA_{name.upper()}": value for name, value in settings.items()}
    worker = subprocess.Popen(
        [sys.executable, "-m", "ostraka", "worker"], cwd=folder, env=environment(**variables)
    )
    done = ostraka(folder, "jobs", "create", "rows.jsonl", "--steps", "1000000")
    assert done.returncode == 0, done.stderr
    factory = Factory.open(Settings(data_dir=folder / ".ostraka"))
    end = time.monotonic() + 120
    while True:
        with factory.database.reading() as session:
            status = find_job(session, done.stdout[:36]).status
        if status in ENDED:
            break
        assert time.monotonic() < end, status
        time.sleep(0.2)
    factory.database.close()
    worker.terminate()
    assert worker.wait(30) == 0
    assert status in ("FAILED", "FAILED_VALIDATION")
    assert not list((folder / ".ostraka" / "jobs").glob("*/attempt-*"))
    lines = ostraka(folder, "jobs", "logs", done.stdout[:36], "--json").stdout.splitlines()
    return json.loads(lines[-1])["data"]


def _line(number: int) -> bytes:
    row = example(number) | {"text": f"{example(number)['text']} {'word ' * 400}"}
    return json.dumps(row).encode() + b"\n"


def test_a_job_that_takes_too_long_fails(tmp_path: Path) -> None:
    said = limited(tmp_path, job_seconds="2")
    assert said["message"] == "The job took longer than 2 seconds."


def test_a_job_that_takes_too_much_disk_fails(tmp_path: Path) -> None:
    said = limited(tmp_path, job_disk_bytes="1048576")
    assert said["message"] == "The job took more than 1048576 bytes of disk."


def test_the_log_of_its_process_is_kept(folder: Path, job: Any) -> None:
    done = ostraka(folder, "jobs", "logs", job["id"], "--process", "--follow")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"to validate job {job['id']} of ostraka-lexical" in lines[0]
    assert sum(f"job {job['id']}" in line for line in lines) == 2
    assert any("step 12: training loss" in line for line in lines)
    assert lines[-1].endswith("done")
    refused = ostraka(folder, "jobs", "logs", job["id"], "--process", "--json")
    assert refused.returncode == 2
    assert "no JSON" in refused.stderr
    assert not list((folder / ".ostraka" / "jobs").iterdir())


def test_events_are_followed_to_the_end(folder: Path) -> None:
    job = asked(folder, "create", "rows.jsonl", "--steps", "3")
    done = ostraka(folder, "jobs", "logs", job["id"], "--follow", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events == asked(folder, "show", job["id"])["events"]
    assert events[-1]["data"]["status"] == "SUCCESS"
