"""What a worker does between jobs, on real folders and databases."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from seeded_factory import seed
from sqlalchemy import select

from ostraka.factory.base import Factory
from ostraka.factory.batch_requests import parse_batch
from ostraka.factory.batches import create_batch, get_batch
from ostraka.factory.models import delete_model
from ostraka.factory.serving import Serving, remove_copies
from ostraka.factory.tables import ModelRow
from ostraka.factory.upkeep import EVERY_SECONDS, keep_up
from ostraka.server.description.classifiers import FINE_TUNED
from ostraka.settings import load_settings
from ostraka.work.queue import cancel

DAY = 24 * 3600


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    """With one model."""
    seed(tmp_path)
    factory = Factory.open(load_settings(data_dir=tmp_path))
    yield factory
    factory.database.close()


def make_old(folder: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(folder, (moment, moment))


def until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_copies_of_deleted_models_go(factory: Factory, tmp_path: Path) -> None:
    serving = Serving(factory)
    copy, classifier = serving.folder(FINE_TUNED), serving.classifier(FINE_TUNED)
    remove_copies(factory)
    assert copy.is_dir(), "the model is there"
    other = tmp_path / "models" / "a-model-of-mine"
    other.mkdir()
    delete_model(factory, FINE_TUNED)
    remove_copies(factory)
    assert list((tmp_path / "models").iterdir()) == [other], "only what we have fetched goes"
    assert len(classifier.probabilities(["a text"])) == 1, "who has it loaded does not notice"


def test_a_folder_that_the_settings_name_stays(factory: Factory, tmp_path: Path) -> None:
    copy = Serving(factory).folder(FINE_TUNED)
    delete_model(factory, FINE_TUNED)
    settings = load_settings(data_dir=tmp_path, fine_tuned_model=str(copy))
    remove_copies(Factory.open(settings, factory.database))
    assert (copy / "manifest.json").is_file()
    remove_copies(factory)
    assert not copy.exists()


def test_what_is_being_fetched_stays_for_a_day(factory: Factory, tmp_path: Path) -> None:
    models = tmp_path / "models"
    young, old = models / "fetching-young", models / "fetching-old"
    for folder, age in ((young, DAY / 2), (old, DAY * 2)):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{")
        make_old(folder, age)
    remove_copies(factory)
    assert list(models.iterdir()) == [young]


def test_fetching_makes_room(factory: Factory, tmp_path: Path) -> None:
    left = tmp_path / "models" / ("0" * 64)
    left.mkdir(parents=True)
    copy = Serving(factory).folder(FINE_TUNED)
    assert list((tmp_path / "models").iterdir()) == [copy]


def test_upkeep_does_all_of_it(factory: Factory, tmp_path: Path) -> None:
    asked = {"endpoint": "/v1/moderations", "requests": [{"body": {"input": "a text"}}]}
    batch = create_batch(factory, parse_batch(asked), None)
    ended = create_batch(factory, parse_batch(asked), None)
    with factory.database.writing() as session:
        assert cancel(session, batch.work_id or "")
        get_batch(session, ended.id).status = "CANCELLED"
    left = tmp_path / "models" / ("0" * 64)
    left.mkdir(parents=True)
    stop = threading.Event()
    keeper = threading.Thread(target=keep_up, args=(factory, stop))
    keeper.start()
    until(lambda: not list(factory.objects.list("batches/")), EVERY_SECONDS + 10)
    stop.set()
    keeper.join(10)
    with factory.database.reading() as session:
        assert get_batch(session, batch.id).status == "FAILED"
        assert session.scalars(select(ModelRow)).one()
    assert not left.exists()
