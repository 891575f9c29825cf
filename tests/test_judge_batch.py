"""Batches: as they come, through outages, and after `kill -9`."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import ostraka, read, write
from serving import start_server

from ostraka.errors import JudgeError
from ostraka.judge.batch import BatchSummary, Result, run_batch
from ostraka.judge.client import AnswerCache, ClientOptions, JudgeClient, Message, Prompt
from ostraka.moderator import JUDGE_MODEL, Moderator
from ostraka.settings import Settings
from ostraka.testing.openai_server import ScriptedServer, scripted_server

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
QUICK = ClientOptions(first_delay=0.05, cool_down=0.2, longest_cool_down=0.4, initial_in_flight=8)


@pytest.fixture
def judge() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def prompt(number: int) -> Prompt:
    return Prompt((Message("user", f"row {number}"),), schema=SCHEMA, version="1")


def run_rows(
    judge: ScriptedServer,
    rows: int,
    *,
    cache: AnswerCache | None = None,
    options: ClientOptions = QUICK,
    seconds: float | None = None,
) -> tuple[BatchSummary, dict[str, Result]]:
    results: dict[str, Result] = {}

    async def go() -> BatchSummary:
        async with JudgeClient(
            judge.base_url, model="scripted", cache=cache, options=options
        ) as client:
            prompts = ((str(number), prompt(number)) for number in range(rows))
            return await run_batch(client, prompts, results.__setitem__, seconds=seconds)

    return asyncio.run(go()), results


def test_failures_are_results_and_are_counted(judge: ScriptedServer) -> None:
    judge.play(
        {
            "rules": [
                {"contains": "row 3", "step": {"do": "refusal"}},
                {"contains": "row 5", "step": {"do": "prose"}},
                {"contains": "row 7", "step": {"do": "status", "status": 400}},
            ]
        }
    )
    summary, results = run_rows(judge, 10)
    assert len(results) == 10
    assert summary.failed == {"refusal": 1, "unparsable": 1, "refused": 1}
    assert summary.answered == 7
    assert {key for key, each in results.items() if isinstance(each, JudgeError)} == {"3", "5", "7"}
    assert summary.stopped is None
    assert summary.prompt_tokens > 0


def test_a_second_run_asks_for_nothing_twice(judge: ScriptedServer, tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.db")
    assert run_rows(judge, 50, cache=cache)[0].answered == 50
    summary, results = run_rows(judge, 60, cache=cache)
    assert (summary.cached, summary.answered, len(results)) == (50, 10, 60)
    answered = judge.state()["answered"]
    assert {answered[f"row {number}"] for number in range(60)} == {1}


def stop_midway(judge: ScriptedServer) -> None:
    """Take the server away once it has answered some, however fast the machine is."""
    while sum(judge.state()["answered"].values()) < 20:
        time.sleep(0.02)
    judge.stop()


def test_server_gone_in_mid_batch_and_back(judge: ScriptedServer, tmp_path: Path) -> None:
    judge.play({"default": {"seconds": 0.05}})

    def interrupt() -> None:
        stop_midway(judge)
        time.sleep(1.5)
        judge.start()

    interruption = threading.Thread(target=interrupt)
    interruption.start()
    summary, results = run_rows(judge, 400, cache=AnswerCache(tmp_path / "cache.db"))
    interruption.join()
    assert (summary.answered, len(results), summary.failed) == (400, 400, {})
    assert summary.retries["unavailable"] > 0


def test_server_that_stays_away_stops_the_batch(judge: ScriptedServer) -> None:
    judge.play({"default": {"seconds": 0.05}})
    stopper = threading.Thread(target=stop_midway, args=(judge,))
    stopper.start()
    options = replace(QUICK, patience=1.0)
    summary, results = run_rows(judge, 5000, options=options)
    stopper.join()
    assert summary.stopped == "unavailable"
    assert "no answer" in summary.reason
    assert 0 < len(results) < 5000
    assert not summary.failed


def test_server_that_is_not_there_is_not_waited_for(judge: ScriptedServer) -> None:
    judge.stop()
    options = replace(QUICK, attempts=2)
    started = time.monotonic()
    summary, results = run_rows(judge, 100, options=options)
    assert (summary.stopped, results) == ("unavailable", {})
    assert "cannot be reached" in summary.reason
    assert time.monotonic() - started < 20


def test_wrong_key_stops_the_batch(judge: ScriptedServer) -> None:
    judge.play({"api_key": "another"})
    summary, results = run_rows(judge, 1000)
    assert (summary.stopped, results) == ("refused", {})


def test_answers_on_their_way_outlive_a_refusal(judge: ScriptedServer) -> None:
    """The key expires while twenty are being answered: they are paid for, and nobody asks twice."""
    late = {"seconds": 1.0, "times": 20}
    judge.play({"steps": [late], "default": {"do": "status", "status": 401}})
    options = replace(QUICK, initial_in_flight=30, max_in_flight=30)
    summary, results = run_rows(judge, 1000, options=options)
    assert (summary.stopped, summary.answered, len(results)) == ("refused", 20, 21)


def test_deadline_stops_the_batch(judge: ScriptedServer) -> None:
    judge.play({"default": {"seconds": 0.2}})
    summary, results = run_rows(judge, 100_000, seconds=5.0)
    assert summary.stopped == "deadline"
    assert 0 < len(results) == summary.answered < 100_000


def test_429_slows_down_and_loses_nothing(judge: ScriptedServer) -> None:
    judge.play({"capacity": {"slots": 4, "seconds": 0.02, "queue": 1}})
    summary, results = run_rows(judge, 300)
    assert (summary.answered, len(results), summary.failed) == (300, 300, {})


def test_what_the_receiver_raises_ends_the_batch(judge: ScriptedServer) -> None:
    def full(key: str, result: Result) -> None:
        raise OSError("no space left")

    async def go() -> None:
        async with JudgeClient(judge.base_url, model="scripted") as client:
            await run_batch(client, ((str(n), prompt(n)) for n in count()), full)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(go())
    assert caught.group_contains(OSError, match="no space left")


def test_input_is_read_only_as_fast_as_it_is_answered(judge: ScriptedServer) -> None:
    taken = answered = furthest = 0

    def prompts() -> Iterator[tuple[str, Prompt]]:
        nonlocal taken
        for taken in range(400):
            yield str(taken), prompt(taken)

    def receive(key: str, result: Result) -> None:
        nonlocal answered, furthest
        answered += 1
        furthest = max(furthest, taken - answered)

    async def go() -> None:
        options = replace(QUICK, max_in_flight=16)
        async with JudgeClient(judge.base_url, model="scripted", options=options) as client:
            await run_batch(client, prompts(), receive)

    asyncio.run(go())
    assert answered == 400
    assert furthest <= 17


# The command, killed


def start(folder: Path, judge: ScriptedServer, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ostraka", "judge", "moderate", "in.jsonl", "out.jsonl"]
    return subprocess.Popen(
        [*command, "--base-url", judge.base_url, *options],
        cwd=folder,
        env=os.environ | {"OSTRAKA_JUDGE_MODEL": "scripted"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked_rows(judge: ScriptedServer) -> dict[str, int]:
    """How often each row was answered by the server, whichever marker fenced it."""
    counts: dict[str, int] = {}
    for said, times in judge.state()["answered"].items():
        if "content-" in said:
            text = said.split("\n")[1]
            counts[text] = counts.get(text, 0) + times
    return counts


def test_killed_batch_goes_on_without_asking_twice(judge: ScriptedServer, tmp_path: Path) -> None:
    rows = 600
    lines = [json.dumps({"id": n, "text": f"comment {n}"}) for n in range(rows)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    judge.play({"capacity": {"slots": 8, "seconds": 0.05, "queue": 500}})
    partial = tmp_path / "out.jsonl.partial"
    kills, in_flight = 0, 32
    for wanted in (60, 200):
        process = start(tmp_path, judge, "--max-in-flight", str(in_flight))
        while process.poll() is None:
            if partial.exists() and partial.read_bytes().count(b"\n") >= wanted:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.02)
        process.communicate()
        written = {json.loads(line)["row"] for line in partial.read_text().split("\n")[:-1] if line}
        time.sleep(1.0)  # what was in flight is answered, to nobody
        before = asked_rows(judge)
        assert len(before) >= len(written)
    process = start(tmp_path, judge, "--max-in-flight", str(in_flight), "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert kills == 2
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(row["row"] for row in found) == list(range(1, rows + 1))
    assert all(row["flagged"] is False and row["scores"] for row in found)
    after = asked_rows(judge)
    for number in written:
        assert after[f"comment {number - 1}"] == before[f"comment {number - 1}"]
    again = sum(times - 1 for times in after.values())
    assert again <= kills * in_flight, "only what was in flight at a kill may be asked again"
    assert json.loads(out)["judged"] == rows
    assert not partial.exists()


def test_command_tells_unsure_rows_from_safe_ones(judge: ScriptedServer, tmp_path: Path) -> None:
    texts: list[Any] = ["fine", "refuse me", "", None]
    lines = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\nno json\n")
    judge.play({"rules": [{"contains": "refuse", "step": {"do": "refusal"}}]})
    process = start(tmp_path, judge, "--cache", "kept.db")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "unsure of 1 rows" in err
    assert "3 rows hold no text" in err
    rows = {
        row["row"]: row
        for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    }
    assert rows[1]["flagged"] is False
    assert (rows[2]["flagged"], rows[2]["fault"], rows[2]["scores"]) == (None, "refusal", {})
    assert "problem" in rows[3]
    assert "no JSON" in rows[5]["problem"]
    process = start(tmp_path, judge)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--restart" in err


def cache_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ostraka", "judge", "cache", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_cache_is_listed_exported_and_dropped(judge: ScriptedServer, tmp_path: Path) -> None:
    assert cache_command(tmp_path, "list").returncode == 2
    (tmp_path / "in.jsonl").write_text('{"text": "first words"}\n{"text": "last words"}\n')
    assert start(tmp_path, judge).wait(60) == 0
    listed = json.loads(cache_command(tmp_path, "list", "--json").stdout)
    assert [(each["model"], each["answers"]) for each in listed] == [("scripted", 2)]
    assert listed[0]["server"] == judge.base_url
    assert "scripted" in cache_command(tmp_path, "list").stdout
    version = listed[0]["prompt_version"]
    exported = cache_command(tmp_path, "export", "--prompt", version[:10]).stdout.splitlines()
    row = json.loads(exported[0])
    assert len(exported) == 2
    assert row["value"]["reason"] == "scripted"
    assert {"key", "model", "prompt_version", "answered_at", "server"} <= set(row)
    assert "words" not in exported[0] + exported[1]
    assert cache_command(tmp_path, "drop").returncode == 2
    kept = cache_command(tmp_path, "drop", "--older-than", "1")
    assert "0 answers dropped" in kept.stderr
    assert "2 answers dropped" in cache_command(tmp_path, "drop", "--model", "scripted").stderr


@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.csv", "in.tsv", "in.parquet", "in.txt"])
def test_command_reads_what_moderate_reads(
    judge: ScriptedServer, tmp_path: Path, name: str
) -> None:
    write(tmp_path / name, [{"text": "first words"}, {"text": "bad words"}])
    bad = {"categories.insult.violates": True, "categories.insult.probability": 0.9}
    judge.play({"rules": [{"contains": "bad words", "step": {"set": bad}}]})
    done = ostraka(
        tmp_path, "judge", "moderate", name, "out.jsonl", "--base-url", judge.base_url, "--json"
    )
    assert done.returncode == 0, done.stderr
    rows = sorted(read(tmp_path / "out.jsonl"), key=lambda row: row["row"])
    assert [row["categories"] for row in rows] == [[], ["insult"]]
    assert rows[1]["confidence_source"] == "logprobs"
    assert "insult" in rows[1]["uncalibrated"]
    said = json.loads(done.stdout)
    assert said["flagged"] == {"insult": 1}
    assert said["batch"]["answered"] == 2


def test_command_works_in_a_pipe(judge: ScriptedServer, tmp_path: Path) -> None:
    done = ostraka(
        tmp_path,
        *("judge", "moderate", "-", "--base-url", judge.base_url),
        stdin="first line\n\nlast line\n",
    )
    assert done.returncode == 3
    rows = {row["row"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows[1]["flagged"] is False
    assert "empty" in rows[2]["problem"]
    assert "not calibrated" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ostraka"]
    rows = ostraka(
        tmp_path,
        *("judge", "moderate", "-", "out.jsonl", "--base-url", judge.base_url),
        *("--input-format", "jsonl", "--text-column", "said"),
        stdin='{"said": "\\ud800"}\n{"said": "fine"}\n',
    )
    assert rows.returncode == 3, rows.stderr
    assert "lone surrogate" in str(read(tmp_path / "out.jsonl"))


def test_command_python_and_server_say_the_same(judge: ScriptedServer, tmp_path: Path) -> None:
    texts = ["kind words", "rude words", "worse words"]
    rules = []
    for word, probability in (("rude", 0.83), ("worse", 0.971)):
        bad = {"categories.hate.violates": True, "categories.hate.probability": 0.6}
        rules.append({"contains": word, "step": {"set": bad, "probability": probability}})
    judge.play({"rules": rules})
    write(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    command = ("judge", "moderate", "in.jsonl", "--base-url", judge.base_url, "--cache", "own.db")
    done = ostraka(tmp_path, *command)
    by_command = {row["row"]: row["scores"] for row in map(json.loads, done.stdout.splitlines())}
    settings = Settings(judge_url=judge.base_url, data_dir=tmp_path / "python")
    verdicts = Moderator.default(settings).moderate_many(texts, model=JUDGE_MODEL)
    process, address = start_server(
        tmp_path, judge_url=judge.base_url, data_dir=str(tmp_path / "server")
    )
    body = {"model": JUDGE_MODEL, "input": texts}
    reply = httpx.post(f"{address}/v1/moderations", json=body, timeout=60).json()
    process.terminate()
    process.wait(20)
    for number, (verdict, result) in enumerate(zip(verdicts, reply["results"], strict=True), 1):
        assert by_command[number] == {str(name): s for name, s in verdict.scores.items()}
        for name, score in result["category_scores"].items():
            assert score == pytest.approx(by_command[number][name], abs=1e-6), name
    assert reply["results"][1]["category_scores"]["hate"] == pytest.approx(0.83, abs=1e-3)


def test_moderate_shows_what_the_judge_said(judge: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('[categories]\nspam = "Anything for sale."\n')
    bad = {"categories.spam.violates": True, "categories.spam.probability": 0.9}
    judge.play({"default": {"set": bad | {"reason": "It sells watches."}}})
    environment = {
        "OSTRAKA_JUDGE_URL": judge.base_url,
        "OSTRAKA_JUDGE_POLICY": "policy.toml",
        "OSTRAKA_JUDGE_IN_CASCADE": "false",
    }
    command = ("moderate", "Cheap watches!", "--model", JUDGE_MODEL)
    row = json.loads(ostraka(tmp_path, *command, "--json", **environment).stdout)
    assert row["categories"] == ["spam"]
    assert row["reason"] == "It sells watches."
    assert row["sources"] == {"spam": {"basis": "logprobs", "calibrated": False}}
    shown = ostraka(tmp_path, *command, **environment)
    assert "The LLM judge: It sells watches." in shown.stdout
