"""What the service counts about itself, for Prometheus.

Labels take few values, all known beforehand: route templates (never paths), methods, statuses,
stages and categories. Nothing of a request's content gets here. The children of labelled metrics
are looked up once and kept, because looking one up costs more than counting.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostraka import __version__
from ostraka.moderator import Moderator, Verdict
from ostraka.server.judge_metrics import JudgeCollector
from ostraka.server.request_counts import RequestCounts

UNMATCHED: Final = "unmatched"
"""The route label of every request that no route takes."""

CLIENT_LEFT: Final = 499
"""The status label of a request whose client left before it was answered."""


class Metrics:
    """One registry per application."""

    def __init__(self, moderator: Moderator) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles every series
        self.registry = CollectorRegistry()
        self.requests = RequestCounts()
        self.registry.register(self.requests)
        texts = Counter("ostraka_texts", "Texts judged.", ("stage", "sure"), registry=self.registry)
        flagged = Counter(
            "ostraka_flagged_texts", "Texts flagged.", ("category",), registry=self.registry
        )
        stages = dict.fromkeys(stage for card in moderator.models for stage in card.stages)
        self._texts = {
            (s, sure): texts.labels(s, str(sure).lower()) for s in stages for sure in (True, False)
        }
        seen = dict.fromkeys(c for card in moderator.models for c in card.modelled)
        self._flagged = {c: flagged.labels(str(c)) for c in seen}
        self._model_info(moderator)
        if moderator.judge is not None:
            self.registry.register(JudgeCollector(moderator.judge.client))
        ProcessCollector(registry=self.registry)

    def _model_info(self, moderator: Moderator) -> None:
        default = moderator.models[0]
        Info("ostraka_model", "The classifier that answers.", registry=self.registry).info(
            {"id": default.id, "pinned_id": default.pinned_id, "version": __version__}
        )

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show `value()`, asked at every scrape, under `name`."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def count_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Texts were judged."""
        for verdict in verdicts:
            self._texts[verdict.stage, verdict.sure].inc()
            if verdict.flagged:
                for category, flag in verdict.flags.items():
                    if flag:
                        self._flagged[category].inc()

    async def show(self, request: Request) -> Response:
        """All metrics, in Prometheus' text format or, if asked for, OpenMetrics."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), headers={"content-type": content_type})


class Templates:
    """Finds the template of a path: a look-up for plain paths, matching for the others."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        routes = list(routes)
        found = [route for route in routes if isinstance(route, Route)]
        self._plain = {route.path for route in found if not route.param_convertors}
        self._others = [route for route in found if route.param_convertors]
        self._mounted = [route.path for route in routes if isinstance(route, Mount)]

    def of(self, scope: Scope) -> str:
        """The template, or `unmatched`."""
        path: str = scope["path"]
        if path in self._plain:
            return path
        for route in self._others:
            if route.matches(scope)[0] is not Match.NONE:
                return route.path
        for prefix in self._mounted:
            if path.startswith(f"{prefix}/"):
                return prefix
        return UNMATCHED


class Measure:
    """Counts and times every request; the outermost middleware, so that it sees every answer."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, routes: Callable[[], Iterable[BaseRoute]]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._templates: Templates | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = CLIENT_LEFT

        def send_and_note(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        if self._templates is None:  # at the first request every route is there
            self._templates = Templates(self._routes())
        template = self._templates.of(scope)
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.requests.count(template, scope["method"], status, seconds)
