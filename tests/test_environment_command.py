"""`ostraka env`, its agents, its reports and its checks."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from running import ostraka

from ostraka.environment.agents import AGENTS, ConstantAgent, KeywordAgent, OracleAgent, agent_of
from ostraka.environment.checks import check_difficulty, check_splits, nearness, run_checks
from ostraka.environment.environment import Environment, Log
from ostraka.environment.lines import final_score
from ostraka.environment.report import report_on
from ostraka.environment.running import mean_score, play_episode
from ostraka.environment.tasks import TASKS
from ostraka.errors import InvalidInputError

START = re.compile(r"\[START\] task_id=(\S+) model=(\S+)")
STEP = re.compile(
    r"\[STEP\] step=(\d+) post_id=(\S+) action=(\S+) violation=(\S+) "
    r"reward=(\d\.\d{4}) cumulative=(\d+\.\d{4}) done=(true|false)"
)
END = re.compile(
    r"\[END\] task_id=(\S+) total_steps=(\d+) total_reward=(\d+\.\d{4}) "
    r"final_score=(\d\.\d{4}) model=(\S+)"
)


def env(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ostraka(Path.cwd(), "env", *arguments)


def test_run_prints_the_lines_of_the_baseline() -> None:
    first, again = (env("run", "--seed", "42", "--agent", "policy") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    lines = first.stdout.splitlines()
    assert [m[1] for m in map(START.fullmatch, lines) if m] == [
        "task_easy",
        "task_medium",
        "task_hard",
    ]
    steps = [found for found in map(STEP.fullmatch, lines) if found]
    ends = [found for found in map(END.fullmatch, lines) if found]
    assert len(steps) == 8 + 10 + 12
    assert [found[7] for found in steps].count("true") == 3
    for end, size in zip(ends, (8, 10, 12), strict=True):
        assert int(end[2]) == size
        assert float(end[4]) == pytest.approx(float(end[3]) / size, abs=1e-4)
    blank = lines.index("")
    assert lines[blank + 1] == "=" * 60
    assert lines[blank + 2] == "BASELINE RESULTS SUMMARY"
    assert [line.split()[0] for line in lines[blank + 3 :]] == [
        "task_easy",
        "task_medium",
        "task_hard",
        "OVERALL",
    ]


def test_several_seeds_give_figures(tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    arguments = ("--task", "task_medium", "--agent", "keyword", "--seeds", "4", "--seed", "0")
    done = env("run", *arguments, "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert "pair accuracy" in done.stdout
    written = json.loads(output.read_text("utf-8"))
    figures = written["tasks"]["task_medium"]
    assert (written["agent"], figures["episodes"], figures["decisions"]) == ("keyword", 4, 40)
    assert figures["pairs"] == 2 * 6
    assert 0 <= figures["score"] <= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--task", "task_none"), "task_easy, task_medium"),
        (("run", "--agent", "nobody"), "cascade, policy"),
        (("run", "--seed", "-1"), "--seed"),
        (("run", "--split", "all"), "--split"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: Sequence[str], said: str) -> None:
    done = env(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_check_prints_findings_for_machines() -> None:
    done = env("check", "--task", "task_easy", "--seeds", "10", "--json")
    findings = json.loads(done.stdout)
    assert done.returncode == 0, findings
    assert {"splits", "task_easy"} == {found["of"] for found in findings}
    assert all(found["passed"] for found in findings)


@pytest.mark.parametrize("task", ["task_easy", "task_medium", "task_hard"])
def test_every_check_holds(task: str) -> None:
    found = list(run_checks(TASKS[task], range(60), "test"))
    assert [each for each in found if not each.passed] == []
    names = {each.check for each in found}
    assert {"best constant", "exploit zoo", "no solution leakage", "replayability"} <= names
    assert {"floor gap", "gameability gap", "canary floor", "oracle containment"} <= names


def test_words_alone_go_further_in_the_easy_task() -> None:
    found = list(check_difficulty([*TASKS.values()], range(60), "test"))
    assert [each.passed for each in found] == [True, True, True]


def test_every_check_of_the_shift_holds() -> None:
    found = list(run_checks(TASKS["task_queue"], range(6), "validation"))
    assert [each for each in found if not each.passed] == []


@pytest.mark.long
@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("task", list(TASKS))
def test_every_check_holds_over_many_seeds(task: str, split: str) -> None:
    found = list(run_checks(TASKS[task], range(200), split))
    assert [each for each in found if not each.passed] == []


def test_splits_share_nothing() -> None:
    assert [each for each in check_splits() if not each.passed] == []


def test_nearness_sees_copies() -> None:
    text = "My own little workshop repairs a {thing} for {price}; write to me if you need one."
    assert nearness(text, text.upper()) == 1.0
    assert nearness(text, text.replace("workshop", "garage")) > 0.4
    assert nearness(text, "The choir sings at the orchard this summer.") == 0.0


# Agents


def test_agents_stand_in_order() -> None:
    seeds = range(30)
    for task in ("task_medium", "task_hard"):
        scores = [mean_score(agent_of(name), task, seeds) for name in ("random", "policy")]
        assert scores[0] < scores[1] < mean_score(OracleAgent(), task, seeds) == 1.0


def test_the_cascade_decides_every_item() -> None:
    agent = agent_of("cascade")
    for task in ("task_hard", "task_queue"):
        played = play_episode(agent, task, 42)
        assert all(each.valid for each in played.decisions)
        assert sum(each.decides for each in played.decisions) == TASKS[task].size


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "cascade"])
def test_an_agent_plays_the_same_twice(name: str) -> None:
    plays = [play_episode(agent_of(name), "task_hard", 7, "validation") for _ in range(2)]
    assert plays[0].decisions == plays[1].decisions


def test_an_unknown_agent_is_named() -> None:
    with pytest.raises(InvalidInputError) as caught:
        agent_of("nobody")
    assert caught.value.field == "agent"


# Reports


def test_the_oracle_s_report_is_perfect() -> None:
    plays = [play_episode(OracleAgent(), "task_hard", seed) for seed in range(10)]
    report = report_on(plays, best_constant=0.3)
    assert (report.score, report.normalized) == pytest.approx((1.0, 1.0))
    assert report.recall == {"other": 1.0, "severe": 1.0}
    assert (report.over_removal, report.pair_accuracy, report.invalid) == (0.0, 1.0, 0.0)
    assert report.pairs == 5 * 6
    assert report.escalation_precision == 1.0
    assert report.agreement is not None and report.agreement > 0.85
    assert report.deadline_misses is None and report.calibration is None


def test_a_constant_s_report_shows_what_it_does() -> None:
    plays = [play_episode(ConstantAgent("approve", "none"), "task_medium", s) for s in range(10)]
    report = report_on(plays)
    assert report.recall == {"other": 0.0, "severe": 0.0}
    assert report.over_removal == 0.0
    assert report.pair_accuracy == 0.0
    assert report.normalized is None


def test_deadlines_that_were_missed_are_counted() -> None:
    stalling = report_on([play_episode(ConstantAgent("defer", "none"), "task_queue", 1)])
    assert stalling.deadline_misses == 1.0
    diligent = report_on([play_episode(OracleAgent(), "task_queue", 1)])
    assert diligent.deadline_misses == 0.0


def test_stated_confidence_is_held_against_what_came() -> None:
    class Sure(KeywordAgent):
        def decide(self, observation):
            return {**super().decide(observation), "confidence": 1.0}

    report = report_on([play_episode(Sure(), "task_easy", seed) for seed in range(5)])
    assert report.exact is not None
    assert report.calibration == pytest.approx(1.0 - report.exact)


def test_final_scores_are_never_quite_0_or_1() -> None:
    assert [final_score(each) for each in (0.0, 0.51239, 1.0)] == [0.01, 0.5124, 0.99]


def test_a_log_survives_being_written_down() -> None:
    environment = Environment()
    environment.reset("task_hard", seed=5, split="test", feedback="terminal")
    environment.step({"action_type": "Remove", "violation_type": None, "confidence": 0.5})
    written = msgspec.json.encode(environment.log())
    restored = Environment.restore(msgspec.json.decode(written, type=Log))
    assert restored.state() == environment.state()
