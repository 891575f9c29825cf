"""One application, a module per door.

The doors that answer on every message of a busy site are plain Starlette routes with msgspec;
everything else is FastAPI. Every failure of every path leaves in its vendor's own envelope.
"""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ostraka import __version__
from ostraka.access.ring import KeyRing
from ostraka.errors import JudgeError, OstrakaError
from ostraka.factory.cascade import moderator_of
from ostraka.moderator import Moderator, Verdict
from ostraka.server import (
    azure,
    health,
    litellm,
    mistral,
    openai,
    perspective,
    perspective_discovery,
)
from ostraka.server.admission import Admission, Load
from ostraka.server.answering import Answering
from ostraka.server.description.page import Reference
from ostraka.server.envelopes import Problem, error_response
from ostraka.server.factory import routes as factory
from ostraka.server.gate import Gate, announcement, needs_key, require_keys
from ostraka.server.kept import Kept
from ostraka.server.lazily import LazyApplication, lazily
from ostraka.server.metrics import Metrics
from ostraka.server.review import routes as review
from ostraka.server.scoring import Scoring
from ostraka.server.shortcut import Shortcut
from ostraka.server.state import State
from ostraka.server.trees import routes as trees
from ostraka.settings import Settings
from ostraka.storage.location import Location
from ostraka.trees.configuration import read_configuration

_log = logging.getLogger("ostraka.server")


def create_app(settings: Settings | None = None, moderator: Moderator | None = None) -> FastAPI:
    """The application, its classifier loaded.

    Raises:
        ArtefactError: the classifier's folder is incomplete or was changed.
        SettingsError: others could reach it, and no API key exists; or the configuration of trees
            cannot be used.
        StorageError: the database does not answer.
    """
    settings = settings or Settings()
    read_configuration(settings.trees_configuration)  # told here, not to the first contributor
    kept = Kept(Location.parse(settings.resolved_database_url))
    keys = kept.load()
    require_keys(settings, keys)
    ring = KeyRing(kept, keys)
    moderator = moderator or moderator_of(settings)
    load = Load(settings.max_running_requests)
    metrics = Metrics(moderator)
    metrics.gauge("ostraka_running_requests", "Requests being answered.", lambda: load.running)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        scoring = Scoring(
            moderator,
            batch=settings.encoder_batch,
            max_pending=settings.max_pending_texts,
            observe=_observer(settings, metrics),
        )
        metrics.gauge(
            "ostraka_pending_texts", "Texts that wait for a stage.", lambda: scoring.pending
        )
        metrics.gauge(
            "ostraka_judge_pending_texts",
            "Texts that the LLM judge is asked about.",
            lambda: scoring.judge_pending,
        )
        app.state.ostraka = State(settings, moderator, scoring, kept, ring)
        # What is loaded by now stays: without this, a full collection walks all of it and
        # stops every request for tens of milliseconds.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_AT_WORK, *gc.get_threshold()[1:])
        yield
        scoring.close()
        if moderator.judge is not None:
            await moderator.judge.close()
        await ring.close()
        kept.close()

    app = _Application(
        title="Ostraka",
        version=__version__,
        lifespan=lifespan,
        telemetry=_NO_TELEMETRY,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.load = load
    _add_routes(app)
    _add_service_routes(app, load, metrics)
    _add_environment(app, settings)
    _add_reference(app, settings, moderator)
    app.add_exception_handler(OstrakaError, _failure)
    app.add_exception_handler(Problem, _failure)
    app.add_exception_handler(HTTPException, _http_failure)
    app.state.announcement = announcement(settings, keys)
    app.state.needs_key = needs_key(settings, keys)
    app.state.any_people = keys.any_people
    # The last one added is the outermost: a short cut past the routing, never past the gate.
    app.add_middleware(Shortcut, routes=_BUSY_ROUTES, failure=_failure)
    app.add_middleware(Gate, settings=settings, ring=ring, sessions=kept)
    app.add_middleware(Admission, load=load, settings=settings)
    app.add_middleware(Answering, metrics=metrics, routes=lambda: app.routes)
    return app


class _Application(FastAPI):
    """FastAPI without the layers that it puts around ours.

    They catch what nobody caught, hold bodies to a limit and report to tracers. `Answering`
    and `Admission` do the first two in each vendor's own shape, so that FastAPI's never have
    anything to do; passing through them costs a third of what judging a short text does.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, past FastAPI's and Starlette's own ways of doing so once it runs."""
        layers = self.middleware_stack
        if layers is None or scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await layers(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The layers from `Answering` inwards."""
        layer: Any = super().build_middleware_stack()
        while not isinstance(layer, Answering):
            layer = layer.app
        return layer


_OBJECTS_AT_WORK: Final = 20_000
"""So many more objects before cycles are looked for. Python's 700 are reached by a few requests at
once, which make no cycles: looking for some among them took a twentieth of the time."""

_NO_TELEMETRY: Final[Any] = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own reads the environment on every request, which costs as much as judging a text."""

_BUSY_ROUTES: Final = {
    "/v1/moderations": openai.moderations,
    "/openai/v1/moderations": openai.moderations,
    "/mistral/v1/moderations": openai.moderations,
    "/v1alpha1/comments:analyze": perspective.analyze,
    **factory.BUSY_ROUTES,
    **review.BUSY_ROUTES,
}
"""Answered by `Shortcut`; listed in `_add_routes` too, for other methods and the description."""


def _observer(
    settings: Settings, metrics: Metrics
) -> Callable[[Sequence[str], Sequence[Verdict]], None]:
    """What is told of every verdict: the counts always, the texts only if a setting says so."""

    def observe(texts: Sequence[str], verdicts: Sequence[Verdict]) -> None:
        metrics.texts.count(verdicts)
        if settings.log_content:
            for text, verdict in zip(texts, verdicts, strict=True):
                flags = ", ".join(c for c, flag in verdict.flags.items() if flag) or "none"
                _log.info("judged %r by %s, flagged: %s", text, verdict.stage, flags)

    return observe


def _add_routes(app: FastAPI) -> None:
    for prefix in ("", "/openai", "/mistral"):
        app.add_route(f"{prefix}/v1/moderations", openai.moderations, methods=["POST"])
        app.add_route(f"{prefix}/v1/models", openai.list_models, methods=["GET"])
        app.add_route(f"{prefix}/v1/models/{{model:path}}", openai.get_model, methods=["GET"])
    for prefix in ("", "/mistral"):
        app.add_route(f"{prefix}/v1/chat/moderations", mistral.chat_moderations, methods=["POST"])
    factory.add_routes(app)
    review.add_routes(app)
    app.add_route("/api/rewards", lazily("ostraka.server.rewards", "create"), methods=["POST"])
    trees.add_routes(app)
    app.add_route("/v1alpha1/comments:analyze", perspective.analyze, methods=["POST"])
    app.add_route("/v1alpha1/comments:suggestscore", perspective.suggest_score, methods=["POST"])
    app.add_route("/$discovery/rest", perspective_discovery.discovery, methods=["GET"])
    app.add_route("/contentsafety/text:analyze", azure.analyze_text, methods=["POST"])
    app.add_route("/beta/litellm_basic_guardrail_api", litellm.guardrail, methods=["POST"])


def _add_service_routes(app: FastAPI, load: Load, metrics: Metrics) -> None:
    app.add_route("/health", health.health, methods=["GET"])
    app.add_route("/health/live", health.live, methods=["GET"])
    app.add_route("/health/ready", health.Readiness(load).show, methods=["GET"])
    app.add_route("/metrics", metrics.show, methods=["GET"])


def _add_environment(app: FastAPI, settings: Settings) -> None:
    """The environment, an application with a description of its own."""
    if settings.environment_path:
        arguments = {
            "secret": settings.environment_secret.get_secret_value(),
            "file": settings.environment_file,
        }
        made = LazyApplication(
            "ostraka.server.environment.app", "create_environment_app", arguments
        )
        app.mount(settings.environment_path, made)


def _add_reference(app: FastAPI, settings: Settings, moderator: Moderator) -> None:
    reference = Reference(lambda: _described(app, settings, moderator))
    for path, handler in (
        ("/openapi.json", reference.document),
        ("/docs", reference.page),
        ("/docs/page.css", reference.style),
    ):
        app.add_route(path, handler, methods=["GET"], include_in_schema=False)


def _described(app: FastAPI, settings: Settings, moderator: Moderator) -> dict[str, Any]:
    """The OpenAPI document; what it is made of is imported when somebody wants to read it."""
    document: dict[str, Any] = import_module("ostraka.server.description.document").describe(
        app, settings, moderator
    )
    return document


async def _failure(request: Request, error: Exception) -> Response:
    if isinstance(error, JudgeError):
        _log.warning("the LLM judge: %s", error.message)
    return error_response(request, error)


async def _http_failure(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods, in the envelope of the path."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = f"Invalid URL ({request.method} {request.url.path})"
        problem = Problem(404, message, code="unknown_url")
    elif error.status_code == 405:
        message = f"Not allowed to {request.method} on {request.url.path}"
        problem = Problem(405, message, code="method_not_supported", headers=error.headers)
    else:
        problem = Problem(error.status_code, str(error.detail))
    return error_response(request, problem)
