"""What is described is what is served: examples, schemas, and a fuzzer on a started server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from seeded_factory import ROWS
from seeded_factory import seed as seed_factory
from seeded_record import seed as seed_record
from seeded_review import seed as seed_review
from seeded_tree_admin import seed as seed_tree_admin
from seeded_trees import seed as seed_trees
from serving import start_server

from ostraka.server.app import create_app
from ostraka.server.description.appeals import EXTERNAL_ID
from ostraka.server.description.classifiers import FINE_TUNED
from ostraka.server.description.document import OPERATIONS, served_by
from ostraka.server.description.operation import Operation
from ostraka.server.description.policies import SMALL_POLICY
from ostraka.server.description.rewards import TURNS
from ostraka.settings import Settings
from ostraka.testing.openai_server import scripted_server

EXAMPLES = {"quick": 4, "long": 12}
"""Requests for each route and mode; a long run takes minutes and is asked for with `-m long`."""
PAGES = ("/docs", "/openapi.json", "/signed/")
"""Pages, and what only an address that we gave out leads to."""
FOR_ADMINISTRATORS = {"make_tree_client"}
"""Refused while anybody at this machine may ask: whoever does shows no right to make keys."""


@pytest.fixture(scope="session")
def described_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("described")


@pytest.fixture(scope="session")
def described_server(described_folder: Path) -> Iterator[str]:
    with scripted_server() as judge:
        process, address = start_server(
            described_folder, images="ignore", judge_url=judge.base_url, judge_in_cascade="false"
        )
        yield address
        process.terminate()
        assert process.wait(20) == 0


def seed(data: Path) -> None:
    """Put (back) what the examples of the description name."""
    seed_review(data)
    seed_record(data)
    seed_factory(data)
    seed_record(data)
    seed_trees(data)
    seed_tree_admin(data)


_fresh: set[Path] = set()


def prepare(data: Path, operation: Operation) -> None:
    """`seed`, unless since then things were only looked at."""
    if data not in _fresh:
        seed(data)
    if operation.method == "get":
        _fresh.add(data)
    else:
        _fresh.discard(data)


def test_every_route_is_described(tmp_path: Path) -> None:
    served = {
        (method, path)
        for method, path in served_by(create_app(Settings(data_dir=tmp_path)))
        if method != "head" and not path.startswith(PAGES)
        if not path.endswith("/v1/fine_tuning/models")  # says only that it is not there
    }
    assert served == {(each.method, each.path) for each in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_examples_get_the_described_answer(
    described_server: str, described_folder: Path, operation: Operation
) -> None:
    prepare(described_folder / ".ostraka", operation)
    path = described_server + operation.path
    for parameter in operation.parameters:
        path = path.replace(f"{{{parameter.name}}}", parameter.example or "")
    bodies: list[Any] = list(operation.requests.values()) or [None]
    is_form = operation.media_type != "application/json"
    assert operation.request is None or operation.requests or is_form, "an example to start from"
    for body in bodies:
        sent = {"files": {"file": ("a.jsonl", ROWS)}} if is_form else {"json": body}
        answer = httpx.request(operation.method, path, **sent)
        if operation.id in FOR_ADMINISTRATORS:
            assert answer.status_code == 403, answer.text
            continue
        assert answer.status_code == operation.status, answer.text
        assert not operation.shapes or _fits(answer.content, operation.shapes)


def _fits(content: bytes, shapes: tuple[Any, ...]) -> bool:
    errors = []
    for shape in shapes:
        try:
            msgspec.json.decode(content, type=shape)
        except msgspec.ValidationError as error:
            errors.append(error)
    return len(errors) < len(shapes)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_example_answers_fit_their_shape(operation: Operation) -> None:
    for answer in operation.answers.values():
        assert _fits(msgspec.json.encode(answer), operation.shapes)


def test_reference_page_loads_nothing_from_elsewhere(described_server: str) -> None:
    page = httpx.get(f"{described_server}/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<style|<[^>]* (style|src|on\w+)=|href=.(https?:)?//", page.text)
    for operation in OPERATIONS:
        assert f'id="{operation.id}"' in page.text
    style = httpx.get(f"{described_server}/docs/page.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


@pytest.fixture(scope="session")
def api_schema(described_server: str) -> Any:
    return schemathesis.openapi.from_url(f"{described_server}/openapi.json")


@pytest.mark.parametrize("run", ["quick", pytest.param("long", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.id}-{mode.value}")
        for operation in OPERATIONS
        for mode in GenerationMode
        if (mode is GenerationMode.POSITIVE) != (operation.request is not None)
        or (operation.request is not None and operation.media_type == "application/json")
    ],
)
def test_fuzzer_finds_no_fault(
    api_schema: Any, described_folder: Path, operation: Operation, mode: GenerationMode, run: str
) -> None:
    """Valid and invalid requests: no 500, the described status, shape and headers."""
    prepare(described_folder / ".ostraka", operation)
    target = api_schema[operation.path][operation.method.upper()]

    @given(case=target.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES[run],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE:
            make_servable(case.body, "classifications" in operation.path)
            make_acceptable(case)
        case.call_and_validate()

    holds()


def make_servable(body: Any, fine_tuned: bool) -> None:
    """What no schema can say: which names are served, and that no stage sees images."""
    options = body.get("additional_provider_specific_params") if isinstance(body, dict) else None
    for holder in (body, options):
        if isinstance(holder, dict) and holder.get("model") is not None:
            holder["model"] = FINE_TUNED if fine_tuned else "ostraka-lexical"
    if isinstance(body, dict) and "training_files" in body:
        body["validation_files"] = body["classifier_targets"] = None
        body["training_files"] = body["training_files"][:1]
    if isinstance(body, dict):
        body.pop("images", None)
        if isinstance(body.get("input"), list):
            body["input"] = [part for part in body["input"] if not _is_image(part)] or ["a"]


def make_acceptable(case: schemathesis.Case) -> None:
    """What no schema of ours says: cursors are ours, one of two ids, a policy that is one."""
    if isinstance(case.body, dict) and case.body.get("url") is not None:
        case.body["url"] = "https://example.org/hook"
    if isinstance(case.body, dict) and "conversations" in case.body:  # no NUL in it
        case.body["conversations"] = [{"no": "conversation"}, *TURNS]
    if isinstance(case.query, dict):
        if case.path.endswith(("transparency", "quality", "insights")):  # it comes before `until`
            case.query.pop("since", None)
        case.query.pop("cursor", None)
        for name, value in {"search": "word", "author": "a"}.items():
            if name in case.query:
                case.query[name] = value
    if isinstance(case.body, dict):
        make_decidable(case.path, case.body)
        for name in ("rating", "ranking", "tiers"):  # to JSON Schema 3.0 is a whole number
            if case.body.get(name) is not None:
                case.body[name] = whole(case.body[name])
    items = case.body if isinstance(case.body, list) else [case.body]
    for item in items:
        if isinstance(item, dict) and "reach" in item:  # to JSON Schema 3.0 is a whole number
            item["reach"] = int(item["reach"])
        if isinstance(item, dict) and item.get("author_since"):  # no moment before 1970
            item["author_since"] = "2024-05-01T12:00:00Z"
        if "/items" in case.path and isinstance(item, dict) and "metadata" in item:  # no NUL in it
            item["metadata"] = {"depth": [{"a": 1.5}, None]}


def whole(value: Any) -> Any:
    return [whole(each) for each in value] if isinstance(value, list) else int(value)


def make_decidable(path: str, body: dict[str, Any]) -> None:
    """One id where one of two is wanted, an action with what it needs."""
    if path.startswith(("/api/reports", "/api/appeals")):
        body.pop("item_id", None)
        body.pop("author", None)
        body["external_id"] = EXTERNAL_ID
    if path.endswith("backtest"):
        body |= {"since": None, "until": None, "items": 10}
    if "document" in body:
        body["document"] = SMALL_POLICY
    if "action" in body:
        body["violation"] = "none" if body["action"] == "approve" else "spam"
        body["reasons"] = "Because."
    if "bulk" in path and "items" in body:
        body["items"] = {"thread_id": "thread-17"}
        if body["action"] == "escalate":  # one by one
            body["action"] = "remove"


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"
