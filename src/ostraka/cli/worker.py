"""`ostraka worker`: do the work that servers put into the database."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from ostraka.settings import Settings, load_settings
from ostraka.storage.location import Location

_LOOK_SECONDS: Final = 0.5


def worker(
    with_parent: Annotated[
        bool,
        typer.Option(
            "--with-parent", help="End when standard input closes, as a server's worker does."
        ),
    ] = False,
) -> None:
    """Work on training jobs, batches, webhooks, shadows and trees until stopped.

    Any number of workers may run, on any machine that reaches the database and the object store.
    A signal ends this one gently: what it is at goes back and is taken up where it was.
    """
    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(levelname)s: %(name)s: %(message)s"
    )
    run(settings, with_parent=with_parent)


def run(settings: Settings, *, with_parent: bool) -> None:
    """Work until a signal comes, or the parent goes."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if with_parent:
        threading.Thread(target=_end_with_parent, args=(ended.set,), daemon=True).start()
    location = Location.parse(settings.resolved_database_url)
    # Beside a server that never keeps anything, a worker costs next to nothing.
    while not location.exists():
        if ended.wait(_LOOK_SECONDS):
            return
    _work(settings, ended)


def _work(settings: Settings, ended: threading.Event) -> None:
    from ostraka.factory import batches
    from ostraka.factory.base import Factory, now
    from ostraka.factory.candidate import candidate_scores
    from ostraka.factory.handlers import handlers
    from ostraka.factory.jobs import QUEUE
    from ostraka.factory.upkeep import keep_up
    from ostraka.review.shadow_work import shadow_handlers
    from ostraka.review.shadowing import QUEUE as SHADOW
    from ostraka.review.webhook_work import webhook_handlers
    from ostraka.review.webhooks import QUEUE as WEBHOOKS
    from ostraka.server.factory.batch_work import batch_handlers
    from ostraka.trees.background import keep_looking_after, tree_work
    from ostraka.trees.following import QUEUE as TREES
    from ostraka.work.worker import Worker

    factory = Factory.open(settings)
    trees = tree_work(settings, factory.database, now)
    common: dict[str, Any] = {
        "lease_seconds": settings.lease_seconds,
        "poll_seconds": _LOOK_SECONDS,
        "stop_seconds": settings.shutdown_seconds,
    }
    # None of these waits for hours behind a training job: each has a worker of its own.
    workers = [
        Worker(
            factory.database,
            handlers(factory),
            queues=[QUEUE],
            slots=settings.parallel_jobs,
            **common,
        ),
        Worker(factory.database, batch_handlers(factory), queues=[batches.QUEUE], **common),
        Worker(
            factory.database,
            webhook_handlers(factory.database, settings, now),
            queues=[WEBHOOKS],
            slots=settings.webhook_slots,
            **common,
        ),
        Worker(
            factory.database,
            shadow_handlers(factory.database, candidate_scores(settings)),
            queues=[SHADOW],
            **common,
        ),
        Worker(factory.database, trees.handlers(), queues=[TREES], **common),
    ]
    threading.Thread(target=keep_up, args=(factory, ended), daemon=True).start()
    threading.Thread(target=keep_looking_after, args=(trees, ended), daemon=True).start()
    working = [threading.Thread(target=_until_it_ends, args=(w.run, ended)) for w in workers]
    for thread in working:
        thread.start()
    ended.wait()
    for each in workers:
        each.stop()
    for thread in working:
        thread.join()
    factory.database.close()


def _until_it_ends(run: Callable[[], None], ended: threading.Event) -> None:
    try:
        run()
    finally:
        ended.set()


def _end_with_parent(end: Callable[[], None]) -> None:
    while os.read(0, 1):
        continue
    end()
