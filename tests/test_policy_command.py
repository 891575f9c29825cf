"""`ostraka policy`: check, test, diff, show, explain."""

import json
from pathlib import Path

from running import RUDE, ostraka

from ostraka.policy.presets import default_policy, default_text

DIGEST = default_policy().digest


def write(folder: Path, text: str, name: str = "policy.toml") -> str:
    (folder / name).write_text(text, "utf-8")
    return name


def test_check(tmp_path: Path) -> None:
    good = ostraka(tmp_path, "policy", "check")
    assert good.returncode == 0
    assert DIGEST in good.stdout
    assert "does not score" in good.stderr
    card = json.loads(ostraka(tmp_path, "policy", "check", "--json").stdout)
    assert (card["valid"], card["name"], card["digest"]) == (True, "default", DIGEST)

    text = default_text().replace("reports.count >= 3", "report.count >= 3")
    name = write(tmp_path, text.replace("doubtful = 0.85", "doubtful = 0.99", 1))
    bad = ostraka(tmp_path, "policy", "check", name)
    assert bad.returncode == 1
    assert "2 faults" in bad.stderr
    assert "categories 'toxicity', doubtful, line " in bad.stderr
    assert "did you mean 'reports.count'?" in bad.stderr
    told = json.loads(ostraka(tmp_path, "policy", "check", name, "--json").stdout)
    assert not told["valid"]
    line = told["problems"][1]["line"]
    assert text.splitlines()[line - 1] == 'when = "report.count >= 3"'

    nothing = ostraka(tmp_path, "policy", "check", "nothing.toml")
    assert nothing.returncode == 2
    assert "there is no file 'nothing.toml'" in nothing.stderr


def test_test(tmp_path: Path) -> None:
    good = ostraka(tmp_path, "policy", "test")
    assert good.returncode == 0
    assert "0 fail." in good.stdout
    assert "holds   a text that insults a person" in good.stdout

    name = write(tmp_path, default_text().replace("strikes = 2.0\n\n", "strikes = 9.0\n\n", 1))
    bad = ostraka(tmp_path, "policy", "test", name, "--no-texts")
    assert bad.returncode == 1
    assert "FAILS   a repeat offender is banned for a time" in bad.stdout
    assert "action is remove, not ban_temporary" in bad.stdout
    assert "skipped" in bad.stdout
    assert "No example reaches step 3 of the ladder." in bad.stderr
    rows = json.loads(ostraka(tmp_path, "policy", "test", name, "--no-texts", "--json").stdout)
    (failed,) = [row for row in rows if not row["passed"] and not row["skipped"]]
    assert failed["outcome"]["rule"] == "clear"


def test_diff(tmp_path: Path) -> None:
    name = write(tmp_path, default_text().replace("threshold = 0.88", "threshold = 0.9", 1))
    done = ostraka(tmp_path, "policy", "diff", "default", name)
    assert done.returncode == 0
    assert "'threshold' of hate rises from 0.88 to 0.9" in done.stdout
    assert ostraka(tmp_path, "policy", "diff", "default", name, "--exit-code").returncode == 1
    same = ostraka(tmp_path, "policy", "diff", "default", "default", "--exit-code")
    assert (same.returncode, same.stdout) == (0, "They say the same.\n")
    rows = json.loads(ostraka(tmp_path, "policy", "diff", "default", name, "--json").stdout)
    assert [row["entry"] for row in rows] == ["hate"]


def test_policies_that_are_kept_have_names(tmp_path: Path) -> None:
    """Their digests, beginnings of these, and `active`; a file of that name comes first."""
    stricter = default_text().replace("threshold = 0.88", "threshold = 0.9", 1)
    name = write(tmp_path, stricter)
    told = json.loads(ostraka(tmp_path, "policy", "add", name, "--json").stdout)
    digest = told["digest"].removeprefix("sha256:")
    for kept in (digest, f"sha256:{digest}", digest[:8]):
        done = ostraka(tmp_path, "policy", "diff", "active", kept)
        assert "'threshold' of hate rises from 0.88 to 0.9" in done.stdout, done.stderr
    for same in (digest[:8], name):
        done = ostraka(tmp_path, "policy", "diff", digest, same, "--exit-code")
        assert done.returncode == 0, done.stdout
    assert ostraka(tmp_path, "policy", "show", digest[:8], "--toml").stdout == stricter

    activate = ("policy", "activate", digest[:8], "--without-backtest")
    assert ostraka(tmp_path, *activate).returncode == 0
    card = json.loads(ostraka(tmp_path, "policy", "check", "active", "--json").stdout)
    assert card["digest"] == f"sha256:{digest}"
    by_digest = ostraka(tmp_path, "policy", "diff", DIGEST, "active", "--exit-code")
    assert by_digest.returncode == 1

    unknown = ostraka(tmp_path, "policy", "diff", "active", "00000000")
    assert unknown.returncode == 2
    assert "There is no policy '00000000'" in unknown.stderr
    write(tmp_path, default_text(), "00000000")
    assert ostraka(tmp_path, "policy", "diff", "default", "00000000").returncode == 0


def test_show(tmp_path: Path) -> None:
    shown = ostraka(tmp_path, "policy", "show").stdout
    for rule in default_policy().document.rules:
        assert rule.name in shown
    assert "5 or more violations before" in shown
    text = ostraka(tmp_path, "policy", "show", "--toml").stdout
    assert text == default_text()
    assert json.loads(ostraka(tmp_path, "policy", "show", "--json").stdout)["digest"] == DIGEST


def test_explain(tmp_path: Path) -> None:
    by_text = ostraka(tmp_path, "policy", "explain", "--text", RUDE, "--json")
    outcome = json.loads(by_text.stdout)
    assert (outcome["action"], outcome["rule"]) == ("remove", "clear")
    assert outcome["path"][-1]["rule"] == "ladder"

    scored = ("policy", "explain", "--score", "hate=0.95", "--fact", "author.violations=5")
    told = ostraka(tmp_path, *scored).stdout
    assert told.startswith("ban_permanent: ")
    assert "hate 0.95 of 0.88" in told

    write(tmp_path, json.dumps({"scores": {"hate": 0.7}, "sure": False}), "facts.json")
    told = ostraka(tmp_path, "policy", "explain", "--facts", "facts.json").stdout
    assert told.startswith("escalate: ")

    for wrong in ((), ("--score", "hate"), ("--score", "hate=2"), ("--fact", "authr.violations=1")):
        assert ostraka(tmp_path, "policy", "explain", *wrong).returncode == 2
