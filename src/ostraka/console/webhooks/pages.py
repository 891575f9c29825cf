"""The handlers of webhooks and their deliveries, for admins."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ostraka.access.keys import parse_duration
from ostraka.console.pages import Pages
from ostraka.console.people.handling import form_of, now, reading, somebody, writing
from ostraka.console.services import services_of
from ostraka.console.webhooks import view
from ostraka.errors import CallerError
from ostraka.review import webhook_store as store
from ostraka.review.events import DELIVERY_STATES, EVENTS, TEST_EVENT

HERE: Final = "/webhooks"
OVERLAPS: Final = (
    ("1d", "For a day"),
    ("1h", "For an hour"),
    ("7d", "For a week"),
    ("", "Not at all: it was stolen"),
)
"""For how long messages are signed with the old secret too."""
_FILTERS: Final = ("webhook", "state", "event", "before")


class WebhookPages:
    """One per process."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def webhooks(self, request: Request) -> Response:
        """All webhooks, and the form that adds one."""
        return await self._all(request)

    async def add(self, request: Request) -> Response:
        """Add a webhook, and show its secret once."""
        fields, by, private = await form_of(request), somebody(request).id, _private(request)

        def added(session: Session) -> tuple[str, str]:
            row, secret = store.add_webhook(
                session,
                fields.get("url", "").strip(),
                _events(fields),
                fields.get("description", ""),
                private=private,
                actor=by,
                now=now(),
            )
            return row.url, secret

        try:
            made = await writing(request, added)
        except CallerError as error:
            return await self._all(request, refused=error, sent=fields)
        return await self._all(request, made=made)

    async def webhook(self, request: Request) -> Response:
        """One webhook: what it hears of, its secret's life, its last deliveries."""
        return await self._one(request, done=request.query_params.get("done", ""))

    async def change(self, request: Request) -> Response:
        """Change where it goes, what it hears of, what it is called."""
        fields = await form_of(request)
        change = store.WebhookChange(
            fields.get("url", "").strip(), tuple(_events(fields)), fields.get("description", "")
        )
        return await self._change(request, change, "changed", fields)

    async def disable(self, request: Request) -> Response:
        """Let it hear of nothing."""
        await form_of(request)
        return await self._change(request, store.WebhookChange(enabled=False), "disabled")

    async def enable(self, request: Request) -> Response:
        """Let it hear of things again; its failures are forgotten."""
        await form_of(request)
        return await self._change(request, store.WebhookChange(enabled=True), "enabled")

    async def rotate(self, request: Request) -> Response:
        """Give it a new secret, and show that once."""
        fields, by, webhook_id = await form_of(request), somebody(request).id, _id(request)

        def rotated(session: Session) -> tuple[str, str]:
            written = fields.get("overlap", "")
            overlap = parse_duration(written) if written else timedelta()
            row, secret = store.rotate_secret(session, webhook_id, overlap, actor=by, now=now())
            return row.url, secret

        try:
            made = await writing(request, rotated)
        except CallerError as error:
            return await self._one(request, refused=error)
        return await self._one(request, made=made)

    async def test(self, request: Request) -> Response:
        """Send it a message that says nothing."""
        return await self._act(
            request,
            "tested",
            lambda session, who, by: store.send_test(session, who, actor=by, now=now()),
        )

    async def replay_dead(self, request: Request) -> Response:
        """Send what died again, the oldest first."""
        return await self._act(
            request,
            "replayed",
            lambda session, who, by: store.replay_dead(session, who, actor=by, now=now()),
        )

    async def remove(self, request: Request) -> Response:
        """Remove it; its deliveries stay to be looked at."""
        await form_of(request)
        by, webhook_id = somebody(request).id, _id(request)
        await writing(
            request,
            lambda session: store.remove_webhook(session, webhook_id, actor=by, now=now()),
        )
        return RedirectResponse(f"{HERE}?done=removed", 303)

    async def deliveries(self, request: Request) -> Response:
        """Deliveries by webhook, state and event; those that are dead are the dead letters."""
        asked = {name: request.query_params.get(name, "") for name in _FILTERS}
        wanted = store.DeliveryFilter(
            asked["webhook"] or None,
            asked["state"] or None,
            asked["event"] or None,
            asked["before"] or None,
        )
        found = await reading(request, lambda session: view.delivery_page(session, wanted))
        return self._page(
            request,
            "deliveries",
            found=found,
            asked=asked,
            states=DELIVERY_STATES,
            known_events=(*EVENTS, TEST_EVENT),
        )

    async def delivery(self, request: Request) -> Response:
        """One delivery: what it sends, and what was answered."""
        return await self._delivery(request, done=request.query_params.get("done", ""))

    async def replay(self, request: Request) -> Response:
        """Send one delivery again, under the same id."""
        await form_of(request)
        by, delivery_id = somebody(request).id, request.path_params["delivery_id"]
        try:
            await writing(
                request,
                lambda session: store.replay(session, delivery_id, actor=by, now=now()),
            )
        except CallerError as error:
            return await self._delivery(request, refused=error)
        return RedirectResponse(f"{HERE}/deliveries/{delivery_id}?done=replayed", 303)

    async def _all(self, request: Request, **shown: Any) -> Response:
        found = await reading(request, view.everything)
        done = request.query_params.get("done", "")
        return self._page(request, "webhooks", found=found, **({"done": done} | shown))

    async def _one(self, request: Request, **shown: Any) -> Response:
        webhook_id, reader = _id(request), somebody(request)
        found = await reading(
            request, lambda session: view.one_webhook(session, webhook_id, reader)
        )
        return self._page(request, "webhook", found=found, moment=now(), overlaps=OVERLAPS, **shown)

    async def _delivery(self, request: Request, **shown: Any) -> Response:
        delivery_id = request.path_params["delivery_id"]
        found = await reading(request, lambda session: view.one_delivery(session, delivery_id))
        sent = json.dumps(found.row.payload, indent=2, ensure_ascii=False)
        return self._page(request, "delivery", found=found, sent_body=sent, **shown)

    async def _change(
        self,
        request: Request,
        change: store.WebhookChange,
        done: str,
        sent: dict[str, str] | None = None,
    ) -> Response:
        by, webhook_id, private = somebody(request).id, _id(request), _private(request)
        try:
            await writing(
                request,
                lambda session: store.change_webhook(
                    session, webhook_id, change, private=private, actor=by, now=now()
                ),
            )
        except CallerError as error:
            return await self._one(request, refused=error, sent=sent or {})
        return RedirectResponse(f"{HERE}/{webhook_id}?done={done}", 303)

    async def _act(
        self, request: Request, done: str, act: Callable[[Session, str, str], Any]
    ) -> Response:
        await form_of(request)
        by, webhook_id = somebody(request).id, _id(request)
        try:
            await writing(request, lambda session: act(session, webhook_id, by))
        except CallerError as error:
            return await self._one(request, refused=error)
        return RedirectResponse(f"{HERE}/{webhook_id}?done={done}", 303)

    def _page(self, request: Request, name: str, **context: Any) -> Response:
        refused: CallerError | None = context.get("refused")
        defaults: dict[str, Any] = {"made": None, "refused": None, "sent": {}, "done": ""}
        return self._pages.page(
            request,
            f"webhooks/{name}.html",
            here=HERE,
            status=refused.status if refused else 200,
            events=EVENTS,
            **(defaults | context),
        )


def _id(request: Request) -> str:
    found: str = request.path_params["webhook_id"]
    return found


def _events(fields: dict[str, str]) -> list[str]:
    return [event for event in EVENTS if f"event.{event}" in fields]


def _private(request: Request) -> bool:
    return services_of(request).settings.webhook_private_addresses
