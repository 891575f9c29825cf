"""The command line as a whole: help, errors, settings, models, completion, terminals."""

import importlib
import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from running import KIND, RUDE, environment, ostraka

from ostraka.cli import data
from ostraka.cli.lazy import LazyCommand
from ostraka.cli.main import _LAZY
from ostraka.settings import Settings


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['ostraka', '--help']\n"
        "from ostraka.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'onnxruntime', 'pydantic', 'fastapi', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), stdout=-3)


@pytest.mark.parametrize(
    "lazy", [*_LAZY.values(), *data._LAZY.values()], ids=lambda each: each.help
)
def test_the_listed_help_is_the_commands_own(lazy: LazyCommand) -> None:
    found = getattr(importlib.import_module(lazy.module), lazy.attribute)
    callback = found if callable(getattr(found, "__code__", None)) else None
    function = callback or getattr(found, "registered_callback", None)
    documented = function.callback if hasattr(function, "callback") else found
    assert documented.__doc__.strip().splitlines()[0] == lazy.help


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 2, "No such command 'nothing'"),
        (["moderate", "--nothing"], 2, "No such option"),
        (["moderate", "x", "--model", "gpt"], 2, "The model 'gpt' does not exist"),
        (["moderate", "x", "-o", "y.jsonl"], 2, "do not go together"),
        (["moderate", "x", "--batch-rows", "0"], 2, "--batch-rows"),
        (["models", "show", "gpt"], 2, "The model 'gpt' does not exist"),
        (["config", "check", "none.toml"], 2, "there is no settings file 'none.toml'"),
    ],
)
def test_errors_are_one_style(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = ostraka(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("Error: ") and message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    done = ostraka(tmp_path, "moderate", "x", OSTRAKA_MAX_ITEMS="many")
    assert done.returncode == 1 and done.stderr.startswith("Error: setting 'max_items'")
    lost = ostraka(tmp_path, "config", OSTRAKA_CONFIG="lost.toml")
    assert lost.returncode == 1 and "'lost.toml', which is no file" in lost.stderr


def test_config_says_where_values_come_from(tmp_path: Path) -> None:
    (tmp_path / "ostraka.toml").write_text("port = 1\nmax_items = 5\n[thresholds]\nhate = 0.7\n")
    done = ostraka(
        tmp_path,
        *("config", "--json", "--host", "::1"),
        OSTRAKA_PORT="2",
        OSTRAKA_DATABASE_URL="postgresql://me:hunter2@db/x?sslpassword=hunter3",
        OSTRAKA_THRESHOLDS='{"spam": 0.2}',
        OSTRAKA_PROT="3",
    )
    shown = json.loads(done.stdout)
    assert set(shown) == set(Settings.model_fields)
    assert (shown["host"]["value"], shown["host"]["origin"]) == ("::1", "option")
    assert (shown["port"]["value"], shown["port"]["origin"]) == (2, "environment")
    assert (shown["max_items"]["value"], shown["max_items"]["origin"]) == (5, "file")
    assert shown["images"]["origin"] == "default"
    assert shown["thresholds"]["value"] == {"hate": 0.7, "spam": 0.2}
    assert shown["thresholds"]["origin"] == "environment + file"
    assert "hunter" not in done.stdout
    assert shown["database_url"]["value"].startswith("postgresql://me:••••@db/x")
    assert "OSTRAKA_PROT is no setting; did you mean OSTRAKA_PORT?" in done.stderr
    table = ostraka(tmp_path, "config", OSTRAKA_DATABASE_URL="postgresql://me:hunter2@db/x")
    assert "hunter2" not in table.stdout and "max_items" in table.stdout


def test_the_example_is_valid_line_by_line(tmp_path: Path) -> None:
    example = ostraka(tmp_path, "config", "--example").stdout
    assert tomllib.loads(example) == {}
    (tmp_path / "ostraka.toml").write_text(example, "utf-8")
    assert ostraka(tmp_path, "config", "check").returncode == 0
    lines = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in example.splitlines()
        if not line.startswith(("# model_folder", "# trees_configuration"))
    ]
    (tmp_path / "all.toml").write_text("\n".join(lines), "utf-8")
    with_files = {"model_folder", "trees_configuration"}
    assert set(tomllib.loads("\n".join(lines))) == set(Settings.model_fields) - with_files
    done = ostraka(tmp_path, "config", "check", "all.toml")
    assert done.returncode == 0, done.stderr


def test_config_check_names_every_problem(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('port = "x"\nprot = 1\nmodel_folder = "nowhere"\n')
    done = ostraka(tmp_path, "config", "check", "a.toml")
    assert done.returncode == 1
    assert "'prot' is no setting; did you mean port?" in done.stderr
    assert "setting 'port'" in done.stderr
    (tmp_path / "t.toml").write_text("goal_tree_size = 4000\n")
    (tmp_path / "a.toml").write_text('model_folder = "nowhere"\ntrees_configuration = "t.toml"\n')
    said = ostraka(tmp_path, "config", "check", "a.toml").stderr
    assert "holds no classifier" in said and "goal_tree_size, line 1" in said
    (tmp_path / "a.toml").write_text("port = \n")
    broken = ostraka(tmp_path, "config", "check", "a.toml")
    assert broken.returncode == 1 and "is no TOML" in broken.stderr and "line 1" in broken.stderr


def test_models(tmp_path: Path) -> None:
    listed = json.loads(ostraka(tmp_path, "models", "--json").stdout)
    first = listed[0]
    assert first["id"] == "ostraka-cascade" and first["pinned_id"].endswith(first["digest"])
    assert first["bytes"] > 1e6 and "sexual/minors" in first["not_modelled"]
    assert 0 < first["categories"]["insult"]["threshold"] < 1
    shown = ostraka(tmp_path, "models", "show", first["pinned_id"])
    assert first["pinned_id"] in shown.stdout and "not modelled" in shown.stdout
    alone = json.loads(ostraka(tmp_path, "models", "show", "ostraka-lexical", "--json").stdout)
    assert list(alone["stages"]) == ["lexical"]
    assert "ostraka-lexical" in ostraka(tmp_path, "models").stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ostraka mod", {"moderate", "models"}),
        ("ostraka moderate --category sel", {"self-harm", "self-harm/intent"}),
        ("ostraka moderate --model ostraka-l", {"ostraka-lexical"}),
        ("ostraka models show ostraka-c", {"ostraka-cascade"}),
        ("ostraka moderate --threshold sp", {"spam="}),
    ],
)
def test_completion(tmp_path: Path, words: str, offered: set[str]) -> None:
    done = ostraka(
        tmp_path,
        _OSTRAKA_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert offered <= set(done.stdout.split()), done.stderr


def test_completion_is_shown_and_installed(tmp_path: Path) -> None:
    shown = ostraka(tmp_path, "--show-completion", "bash")
    assert "_OSTRAKA_COMPLETE=complete_bash" in shown.stdout
    done = ostraka(tmp_path, "--install-completion", "bash", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".bash_completions" / "ostraka.sh").exists()


def test_head_may_close_the_pipe(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(f"{RUDE}\n" * 3000)
    for option in ("", "--json"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m ostraka moderate -f in.txt {option} | head -1"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
        )
        assert len(done.stdout.splitlines()) == 1
        assert b"Traceback" not in done.stderr and b"Broken" not in done.stderr


def on_terminal(folder: Path, *arguments: str, **variables: str) -> str:
    """What a terminal of 100 columns receives."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ostraka", *arguments],
        cwd=folder,
        env=environment(TERM="xterm-256color", **variables),
        stdin=side,
        stdout=side,
        stderr=side,
    )
    os.close(side)
    received = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not chunk:
            break
        received += chunk
    os.close(main)
    process.wait(30)
    return received.decode()


def test_a_terminal_gets_colour_and_progress(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(f"{RUDE}\n{KIND}\n" * 1500)
    shown = on_terminal(tmp_path, "moderate", "-f", "in.txt", "-o", "a.jsonl")
    assert "rows" in shown and "/s" in shown and "% flagged" in shown and "\x1b[" in shown
    assert "\x1b[1;31m" in on_terminal(tmp_path, "moderate", RUDE)
    plain = on_terminal(tmp_path, "moderate", RUDE, NO_COLOR="1")
    assert "\x1b[1;31m" not in plain and "\x1b[31m" not in plain and "insult" in plain
    asked = on_terminal(tmp_path, "moderate")
    assert "nothing to judge" in asked
