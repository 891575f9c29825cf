"""How the code is kept: budgets that hold for all of it, and lists of exceptions that only shrink.

Each exception stands with its reason. One that is no longer needed fails the test, so that it is
struck from the list.
"""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from serving import start_server

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "ostraka"
TESTS = ROOT / "tests"
MODULE_LINES, MODULE_LINES_OF_MOST = 600, 350
FUNCTION_LINES, LONG_FUNCTION_LINES, LONG_FUNCTIONS = 80, 50, 0.03
MEDIAN_FUNCTION_LINES = 10
BRANCHES, BRANCHES_OF_MOST = 15, 6
METHODS, CLASS_LINES = 20, 300
SMALLEST_TEST_SHARE = 0.4
"""Lines of tests per line of source. The aim is 1.0; this number may only grow."""

BLINK = "`import ostraka` must cost next to nothing"
START = "SQLAlchemy and Alembic cost a quarter of a second, which not every start needs"
OTHERS = "what only this command needs, so that the others start fast"
TRAIN = "the `train` extra"
IMPORTS_IN_FUNCTIONS = {
    "__init__.py:__getattr__": BLINK,
    "cli/adapt.py:adapt": TRAIN,
    "cli/data_convert.py:_text_file": "the `data` extra",
    "cli/data_plot.py:_write": TRAIN,
    "cli/compare.py:compare": TRAIN,
    "cli/compare.py:load_classifier": START,
    "cli/database.py:downgrade": OTHERS,
    "cli/database.py:status": OTHERS,
    "cli/database.py:upgrade": OTHERS,
    "cli/environment_report.py:write_folder": "the `environment` extra",
    "cli/evaluate.py:evaluate": TRAIN,
    "cli/keys.py:_database": OTHERS,
    "cli/keys.py:create": OTHERS,
    "cli/keys.py:list_keys": OTHERS,
    "cli/keys.py:revoke": OTHERS,
    "cli/main.py:serve": OTHERS,
    "cli/people.py:_show_link": OTHERS,
    "cli/people.py:_writing": OTHERS,
    "cli/people.py:add": OTHERS,
    "cli/people.py:disable": OTHERS,
    "cli/people.py:enable": OTHERS,
    "cli/people.py:link": OTHERS,
    "cli/people.py:list_people": OTHERS,
    "cli/people.py:password": OTHERS,
    "cli/people.py:role": OTHERS,
    "cli/policy.py:classifier": START,
    "cli/policy.py:policy_text": START,
    "cli/suggestions.py:export": OTHERS,
    "cli/worker.py:_work": START,
    "factory/cascade.py:moderator_of": START,
    "cli/train.py:bundled": TRAIN,
    "factory/running.py:start_child": "the `ray` extra",
    "moderator.py:_judge": "httpx and jsonschema, which only a configured judge needs",
    "server/kept.py:database": START,
    "server/kept.py:factory": START,
    "server/kept.py:load": START,
    "server/kept.py:model_card": START,
    "server/kept.py:model_cards": START,
    "server/kept.py:note_use": START,
    "server/kept.py:serving": START,
    "server/kept.py:signed_in": START,
    "server/kept.py:suggest": START,
    "server/kept.py:trees": START,
    "storage/schema.py:_run": START,
    "train/data.py:open_text": "the `data` extra",
    "train/encoder.py:base_model_folder": TRAIN,
    "train/preparation/tables.py:_datasets": "the `datasets` extra",
    "train/public.py:_load": "the `datasets` extra",
    "train/trackers.py:start": "the extras `wandb`, `tensorboard` and `mlflow`",
}
BROAD_EXCEPTS = {
    "access/ring.py:_note_use": "a nicety that must not end the refreshing of keys",
    "access/ring.py:_refresh": "requests must see that the table of keys grows old",
    "server/answering.py:__call__": "the last net: an unknown failure leaves in an envelope",
    "server/factory/batch_work.py:_answer": "one request's failure must not be the batch's",
    "server/review/collecting.py:_submit": "every waiting request must hear of it",
    "server/scoring.py:_drain": "every waiting request must hear of it",
    "server/scoring.py:_score_arrived": "every waiting request must hear of it",
    "server/scoring.py:answers": "whatever it is, the stage does not answer",
    "work/worker.py:_attempt": "a failed attempt is written on its row and never ends the worker",
    "train/reporting.py:run": "a tracker's failure must not be the training's",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its path."""
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def functions() -> Iterator[tuple[str, Function]]:
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{module}:{node.name}", node


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield f"{module}:{node.name}", node


def lines_of(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def branches_of(function: Function) -> int:
    kinds = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case, ast.IfExp)
    return sum(isinstance(node, kinds) for node in ast.walk(function))


def of_most(values: list[int]) -> float:
    """What nine in ten do not exceed."""
    return statistics.quantiles(values, n=10)[-1]


def test_modules_are_short() -> None:
    lines = {name: len((SOURCE / name).read_text("utf-8").splitlines()) for name in modules()}
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}
    assert of_most(list(lines.values())) <= MODULE_LINES_OF_MOST


def test_functions_are_short() -> None:
    lines = {name: lines_of(node) for name, node in functions()}
    assert {name: count for name, count in lines.items() if count > FUNCTION_LINES} == {}
    assert statistics.median(lines.values()) <= MEDIAN_FUNCTION_LINES
    long = [name for name, count in lines.items() if count > LONG_FUNCTION_LINES]
    assert len(long) / len(lines) <= LONG_FUNCTIONS, long


def test_functions_branch_little() -> None:
    branches = {name: branches_of(node) for name, node in functions()}
    assert {name: count for name, count in branches.items() if count > BRANCHES} == {}
    assert of_most(list(branches.values())) <= BRANCHES_OF_MOST


def test_classes_are_small() -> None:
    too_large = {
        name
        for name, node in classes()
        if lines_of(node) > CLASS_LINES
        or sum(isinstance(each, Function) for each in node.body) > METHODS
    }
    assert too_large == set()


def found_in_functions(matches: Callable[[ast.AST], bool]) -> set[str]:
    return {
        name
        for name, function in functions()
        if any(matches(node) for node in ast.walk(function) if node is not function)
    }


def test_imports_stand_at_the_top() -> None:
    found = found_in_functions(lambda node: isinstance(node, ast.Import | ast.ImportFrom))
    assert found == set(IMPORTS_IN_FUNCTIONS)


def test_only_boundaries_catch_everything() -> None:
    def is_broad(node: ast.AST) -> bool:
        if not isinstance(node, ast.ExceptHandler):
            return False
        return node.type is None or (
            isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
        )

    assert found_in_functions(is_broad) == set(BROAD_EXCEPTS)


def test_nothing_prints() -> None:
    def prints(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )

    assert {name for name, tree in modules().items() if any(map(prints, ast.walk(tree)))} == set()


@pytest.mark.parametrize("pattern", [r"\bTODO\b", r"\bFIXME\b", r"\bXXX\b", r"NotImplementedError"])
def test_nothing_is_left_for_later(pattern: str) -> None:
    found = [name for name in modules() if re.search(pattern, (SOURCE / name).read_text("utf-8"))]
    assert found == []


def test_tests_weigh_as_much_as_the_source_and_hardly_mock() -> None:
    tests = [path.read_text("utf-8") for path in TESTS.rglob("*") if path.suffix in (".py", ".mjs")]
    source = sum(len((SOURCE / name).read_text("utf-8").splitlines()) for name in modules())
    assert sum(len(text.splitlines()) for text in tests) >= SMALLEST_TEST_SHARE * source
    cases = sum(len(re.findall(r"^def test_", text, re.MULTILINE)) for text in tests)
    mocks = sum(len(re.findall(r"\b(mock\.|Mock\(|monkeypatch\.)", text)) for text in tests)
    assert mocks <= 0.1 * cases


# Start


def test_package_imports_only_the_standard_library() -> None:
    code = (
        "import sys; before = {*sys.modules}; import ostraka\n"
        "print(*{name.split('.')[0] for name in {*sys.modules} - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert set(loaded.stdout.split()) - sys.stdlib_module_names == {"ostraka"}


NOT_AT_START = {
    *("torch", "transformers", "sklearn", "scipy", "pandas", "pyarrow", "datasets", "matplotlib"),
    *("sqlalchemy", "alembic", "psycopg", "ray", "httpx", "jsonschema", "yaml", "mlflow"),
}
"""What costs time or memory, and what a server without a database, jobs or a judge never uses."""


def test_server_loads_only_what_it_serves_with(tmp_path: Path) -> None:
    environment = {"PYTHONPROFILEIMPORTTIME": "1"}
    with (tmp_path / "log").open("wb") as log:
        process, _ = start_server(tmp_path, log=log, environment=environment)
        process.terminate()
        assert process.wait(20) == 0
    lines = (tmp_path / "log").read_text("utf-8").splitlines()
    loaded = {
        line.rpartition("|")[2].strip().split(".")[0]
        for line in lines
        if line.startswith("import time:")
    }
    assert {"ostraka", "fastapi", "onnxruntime"} <= loaded
    assert loaded & NOT_AT_START == set()
