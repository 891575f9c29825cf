"""Webhooks against a receiver that really listens, and fails in every way that one can."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import webhooking
from running import environment
from standardwebhooks import Webhook, WebhookVerificationError
from webhooking import add, delivery, sending, settled, states, tell, webhook

from ostraka.errors import ConflictError, InvalidInputError, NotFoundError
from ostraka.review.webhook_store import (
    WebhookChange,
    change_webhook,
    forget_deliveries,
    list_webhooks,
    remove_webhook,
    replay,
    replay_dead,
    rotate_secret,
    send_test,
)
from ostraka.review.webhooks import MAX_PAYLOAD_BYTES, cancel, emit
from ostraka.storage import audit
from ostraka.storage.audit import EntryFilter
from ostraka.storage.database import Database
from ostraka.testing.webhook_receiver import Received, Step, WebhookReceiver, webhook_receiver

WHO = {"actor": "key_1"}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def verify(secret: str, message: Received) -> dict:
    return Webhook(secret).verify(message.body, message.headers)


def acts(database: Database) -> list[str]:
    with database.reading() as session:
        return [entry.act for entry in audit.list_entries(session, EntryFilter(), 100)][::-1]


def test_a_message_arrives_signed(database: Database, receiver: WebhookReceiver) -> None:
    _, secret = add(database, receiver.url)
    [delivery_id] = tell(database)
    with sending(database):
        [message] = receiver.wait_for(lambda got: len(got) == 1)
        until(lambda: settled(database, "delivered"))
    assert message.id == delivery_id
    body = verify(secret, message)
    assert body["type"] == "decision.made"
    assert body["data"] == {"decision_id": "decision_0"}
    assert message.headers["content-type"] == "application/json"
    row = delivery(database, delivery_id)
    assert (row.status, row.attempts, row.error) == (204, 1, None)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(message.body + " ", message.headers)


def test_a_rotated_secret_overlaps(database: Database, receiver: WebhookReceiver) -> None:
    webhook_id, old = add(database, receiver.url)
    with database.writing() as session:
        _, new = rotate_secret(session, webhook_id, timedelta(hours=1), now=webhooking.now(), **WHO)
    tell(database)
    with sending(database):
        [message] = receiver.wait_for(lambda got: len(got) == 1)
    assert verify(old, message) == verify(new, message)
    with database.writing() as session:
        _, newest = rotate_secret(session, webhook_id, timedelta(), now=webhooking.now(), **WHO)
    tell(database)
    with sending(database):
        last = receiver.wait_for(lambda got: len(got) == 2)[-1]
    verify(newest, last)
    with pytest.raises(WebhookVerificationError):
        verify(new, last)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Step(status=500, body="out of order"), "answered 500: out of order"),
        (Step(do="reset"), "ReadError"),
        (Step(do="hang", seconds=30), "no answer within 0.5 seconds"),
        (Step(do="drip", seconds=30), "no answer within 0.5 seconds"),
        (Step(do="redirect", location="http://127.0.0.1:1/"), "a redirect, which is never"),
    ],
    ids=["500", "reset", "hang", "drip", "redirect"],
)
def test_what_fails_is_sent_again_under_the_same_id(
    database: Database, receiver: WebhookReceiver, step: Step, why: str
) -> None:
    _, secret = add(database, receiver.url)
    receiver.play([step])
    [delivery_id] = tell(database)
    with sending(database, seconds=0.5, pauses=[1.0, 1.0]):
        until(lambda: delivery(database, delivery_id).attempts == 1)
        failed = delivery(database, delivery_id)
        assert failed.state == "pending"
        assert failed.error is not None and why in failed.error
        first, second = receiver.wait_for(lambda got: len(got) == 2)
        until(lambda: settled(database, "delivered"))
    assert first.id == second.id == delivery_id
    assert first.body == second.body
    verify(secret, second)


def test_what_never_arrives_is_dead_and_can_be_replayed(
    database: Database, receiver: WebhookReceiver
) -> None:
    webhook_id, _ = add(database, receiver.url)
    receiver.play([Step(status=503)] * 8)
    first, second = tell(database, count=2)
    with sending(database):
        until(lambda: settled(database, "dead", "dead"))
        assert delivery(database, first).attempts == 4
        receiver.play([])
        receiver.forget()
        with database.writing() as session:
            replay(session, first, now=webhooking.now(), **WHO)
        until(lambda: settled(database, "delivered", "dead"))
        with database.writing() as session:
            assert replay_dead(session, webhook_id, now=webhooking.now(), **WHO) == 1
        until(lambda: settled(database, "delivered", "delivered"))
        assert [message.id for message in receiver.received()] == [first, second]
        with database.writing() as session:
            replay(session, first, now=webhooking.now(), **WHO)
        again = receiver.wait_for(lambda got: len(got) == 3)[-1]
    assert again.id == first
    assert acts(database).count("webhook.replayed") == 3
    assert webhook(database, webhook_id).failures == 0


def test_a_busy_receiver_is_given_the_time_it_asks_for(
    database: Database, receiver: WebhookReceiver
) -> None:
    add(database, receiver.url)
    receiver.play([Step(status=429, retry_after="2")])
    tell(database)
    with sending(database):
        first, second = receiver.wait_for(lambda got: len(got) == 2)
    waited = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert waited >= 2


def test_a_receiver_that_hangs_keeps_no_other_waiting(
    database: Database, receiver: WebhookReceiver
) -> None:
    with webhook_receiver([Step(do="hang")] * 100) as stuck:
        add(database, stuck.url, ["case.opened"])
        add(database, receiver.url, ["decision.made"])
        tell(database, "case.opened", count=40)
        tell(database, "decision.made", count=10)
        with sending(database, seconds=0.5, pauses=[5.0, 5.0], slots=2):
            receiver.wait_for(lambda got: len(got) == 10, seconds=20)
            assert len(stuck.received()) < 10


def test_days_of_failure_disable_a_webhook(database: Database, receiver: WebhookReceiver) -> None:
    webhook_id, _ = add(database, receiver.url)
    receiver.play([Step(status=500)] * 10)
    tell(database)
    with sending(database, pauses=[0.3] * 20, disable_after=timedelta(seconds=1)):
        until(lambda: settled(database, "dead"))
    row = webhook(database, webhook_id)
    assert row.disabled_at is not None
    assert row.disabled_why is not None and "answered 500" in row.disabled_why
    assert acts(database) == ["webhook.added", "webhook.disabled"]
    assert tell(database) == []
    with database.writing() as session, pytest.raises(ConflictError):
        replay_dead(session, webhook_id, now=webhooking.now(), **WHO)
    with database.writing() as session:
        change = WebhookChange(enabled=True)
        change_webhook(session, webhook_id, change, private=True, now=webhooking.now(), **WHO)
    assert len(tell(database)) == 1


def test_a_receiver_that_is_gone_is_disabled_at_once(
    database: Database, receiver: WebhookReceiver
) -> None:
    webhook_id, _ = add(database, receiver.url)
    receiver.play([Step(status=410)])
    tell(database)
    with sending(database):
        until(lambda: settled(database, "dead"))
    assert webhook(database, webhook_id).disabled_why == "it answered 410 Gone"


def test_only_what_is_wanted_is_sent_and_a_test_always(
    database: Database, receiver: WebhookReceiver
) -> None:
    webhook_id, secret = add(database, receiver.url, ["appeal.decided"])
    assert tell(database, "decision.made") == []
    with database.writing() as session:
        delivery_id = send_test(session, webhook_id, now=webhooking.now(), **WHO)
    with sending(database):
        [message] = receiver.wait_for(lambda got: len(got) == 1)
    assert message.id == delivery_id
    assert verify(secret, message)["type"] == "webhook.test"


def test_what_is_due_later_can_be_cancelled(database: Database, receiver: WebhookReceiver) -> None:
    add(database, receiver.url)
    [later] = tell(database, after=60)
    [soon] = tell(database, after=1)
    with sending(database):
        with database.writing() as session:
            assert cancel(session, [later, "delivery_unknown"]) == [later]
        receiver.wait_for(lambda got: len(got) == 1)
        until(lambda: settled(database, "cancelled", "delivered"))
        with database.writing() as session:
            assert cancel(session, [later, soon]) == []
    assert [message.id for message in receiver.received()] == [soon]


def test_what_may_have_arrived_is_not_cancelled(
    database: Database, receiver: WebhookReceiver
) -> None:
    add(database, receiver.url)
    receiver.play([Step(status=500)])
    [delivery_id] = tell(database)
    with sending(database, pauses=[60.0]):
        until(lambda: delivery(database, delivery_id).attempts == 1)
    with database.writing() as session:
        assert cancel(session, [delivery_id]) == []


def test_nothing_is_sent_of_what_was_rolled_back(
    database: Database, receiver: WebhookReceiver
) -> None:
    add(database, receiver.url)
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        emit(session, "case.opened", {}, webhooking.now(), webhooking.now())
        raise ZeroDivisionError
    assert states(database) == []


def test_a_message_that_is_too_large_says_so(database: Database, receiver: WebhookReceiver) -> None:
    add(database, receiver.url)
    with database.writing() as session:
        payload = {"item_id": "item_1", "path": "x" * MAX_PAYLOAD_BYTES}
        emit(session, "item.verdict", payload, webhooking.now(), webhooking.now())
    with sending(database):
        [message] = receiver.wait_for(lambda got: len(got) == 1)
    body = json.loads(message.body)
    assert body["data"] == {"item_id": "item_1"}
    assert body["shortened"] is True


def test_a_removed_webhook_gets_nothing_more(database: Database, receiver: WebhookReceiver) -> None:
    webhook_id, _ = add(database, receiver.url)
    tell(database, after=0.5)
    with database.writing() as session:
        remove_webhook(session, webhook_id, now=webhooking.now(), **WHO)
        assert list_webhooks(session) == []
    with sending(database):
        until(lambda: settled(database, "dead"))
    assert receiver.received() == []
    with database.writing() as session, pytest.raises(NotFoundError):
        send_test(session, webhook_id, now=webhooking.now(), **WHO)
    assert acts(database) == ["webhook.added", "webhook.removed"]


def test_old_deliveries_can_be_forgotten(database: Database, receiver: WebhookReceiver) -> None:
    add(database, receiver.url)
    receiver.play([Step(status=400)] * 4)
    tell(database)
    with sending(database):
        until(lambda: settled(database, "dead"))
        tell(database)
        until(lambda: settled(database, "dead", "delivered"))
    with database.writing() as session:
        assert forget_deliveries(session, webhooking.now()) == 1
    assert states(database) == ["dead"]


@pytest.mark.parametrize("events", [[], ["decision.made", "no.event"]])
def test_events_that_are_none(database: Database, events: list[str]) -> None:
    with pytest.raises(InvalidInputError, match=r"one of item\.verdict") as raised:
        add(database, "https://example.org/hook", events)
    assert raised.value.field == "events"


def test_a_killed_worker_loses_no_message(database_url: str, tmp_path: Path) -> None:
    """`kill -9` in the middle: each message arrives at least once, under one id."""
    database = Database.at(database_url)
    with webhook_receiver() as receiver:
        add(database, receiver.url)
        ids = tell(database, count=60)
        settings = environment(
            OSTRAKA_DATABASE_URL=database_url,
            OSTRAKA_WEBHOOK_PRIVATE_ADDRESSES="true",
            OSTRAKA_LEASE_SECONDS="1",
            OSTRAKA_DATA_DIR=str(tmp_path),
        )
        command = [sys.executable, "-m", "ostraka", "worker"]
        for enough in (5, 30):
            worker = subprocess.Popen(command, env=settings, cwd=tmp_path)
            receiver.wait_for(lambda got, enough=enough: len(got) >= enough)
            worker.kill()
            worker.wait()
        worker = subprocess.Popen(command, env=settings, cwd=tmp_path)
        until(lambda: set(states(database)) == {"delivered"}, 60)
        worker.terminate()
        assert worker.wait(30) == 0
        assert {message.id for message in receiver.received()} == set(ids)
    database.close()
