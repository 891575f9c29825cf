"""What the service counts about itself, for Prometheus.

Labels take few values, all known beforehand: route templates (never paths), methods, statuses,
stages and categories. Nothing of a request's content gets here.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from ostraka import __version__
from ostraka.moderator import Moderator
from ostraka.server.counts import RequestCounts, TextCounts
from ostraka.server.judge_metrics import JudgeCollector

UNMATCHED: Final = "unmatched"
"""The route label of every request that no route takes."""


class Metrics:
    """One registry per application."""

    def __init__(self, moderator: Moderator) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles every series
        self.registry = CollectorRegistry()
        self.requests = RequestCounts()
        self.registry.register(self.requests)
        stages = dict.fromkeys(stage for card in moderator.models for stage in card.stages)
        seen = dict.fromkeys(c for card in moderator.models for c in card.modelled)
        self.texts = TextCounts(stages, seen)
        self.registry.register(self.texts)
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
