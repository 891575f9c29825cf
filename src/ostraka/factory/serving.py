"""Fine-tuned models at work: fetched from the object store, loaded, kept while they are used."""

import os
import re
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from ostraka.assess.classifier import Classifier
from ostraka.errors import (
    ArchivedModelError,
    ArtefactError,
    OverloadedError,
)
from ostraka.factory.base import Factory
from ostraka.factory.models import find_model
from ostraka.factory.results import ResultEncoder
from ostraka.factory.tables import ModelRow

FRESH_SECONDS: Final = 1.0
"""For how long it is not asked again whether a model was archived or deleted. A server hears of
what was asked of itself at once."""

_COPIES: Final = "models"
_COPY: Final = re.compile("[0-9a-f]{64}")
_FETCHING: Final = "fetching-"
_ABANDONED_SECONDS: Final = 24 * 3600.0
"""Age from which a fetched folder that is not whole belongs to a process that died."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database said of a model, and when."""

    digest: str
    object_prefix: str
    archived: bool
    asked_at: float


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model in memory; `is_quick` if a text costs it microseconds."""

    classifier: Classifier
    encoder: ResultEncoder
    is_quick: bool


class Serving:
    """Classifies texts with fine-tuned models. One per process; threads may share it.

    The models that were used last stay loaded, `loaded_models` of them.
    """

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._known: dict[str, _Known] = {}
        self._pending = 0

    def classify(self, name: str, texts: Sequence[str]) -> bytes:
        """One result per text, encoded as `ResultEncoder` does.

        Raises:
            UnknownModelError: no such model, another digest, or it is archived.
            OverloadedError: too many texts wait already.
        """
        loaded = self._model(name)
        most = self._factory.settings.max_pending_texts
        with self._lock:
            if self._pending and self._pending + len(texts) > most:
                raise OverloadedError
            self._pending += len(texts)
        try:
            return loaded.encoder(loaded.classifier.probabilities(texts))
        finally:
            with self._lock:
                self._pending -= len(texts)

    def is_at_hand(self, name: str) -> bool:
        """Whether `classify` would ask nobody and load nothing: a model of microseconds a text,
        loaded, and known to be in service.
        """
        known = self._known.get(name)
        if known is None or time.monotonic() - known.asked_at >= FRESH_SECONDS:
            return False
        found = self._loaded.get(known.digest)
        return found is not None and found.is_quick

    def classifier(self, name: str) -> Classifier:
        """The loaded model of a plain or pinned name.

        Raises:
            UnknownModelError: no such model, another digest, or it is archived.
            ArtefactError: its folder is incomplete or was changed.
        """
        return self._model(name).classifier

    def folder(self, name: str) -> Path:
        """A local copy of a model's folder, whole and checked when it is loaded.

        Raises:
            UnknownModelError: there is no such model.
        """
        return self._fetch(self._look_up(name))

    def forget(self, name: str) -> None:
        """Ask the database about a model again with its next use."""
        plain = name.partition("@")[0]
        with self._lock:
            for known in [each for each in self._known if each.partition("@")[0] == plain]:
                del self._known[known]

    def _model(self, name: str) -> _Loaded:
        known = self._look_up(name)
        if known.archived:
            raise ArchivedModelError(f"The model '{name}' is archived.", field="model")
        with self._lock:
            found = self._loaded.get(known.digest)
            if found is not None:
                self._loaded.move_to_end(known.digest)
                return found
            loading = self._loading.setdefault(known.digest, threading.Lock())
        with loading:
            found = self._loaded.get(known.digest)
            return found if found is not None else self._load(known)

    def _look_up(self, name: str) -> _Known:
        moment = time.monotonic()
        known = self._known.get(name)
        if known is not None and moment - known.asked_at < FRESH_SECONDS:
            return known
        with self._factory.database.reading() as session:
            model = find_model(session, name)
            known = _Known(model.digest, model.object_prefix, model.archived, moment)
        with self._lock:
            self._known[name] = known
        return known

    def _load(self, known: _Known) -> _Loaded:
        folder = self._fetch(known)
        try:
            classifier = Classifier.load(folder, threads=self._factory.settings.encoder_threads)
        except ArtefactError:  # a damaged copy must not stay in the way of a good one
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if classifier.digest != known.digest:
            raise ArtefactError(f"The model's digest is {classifier.digest}, not {known.digest}.")
        loaded = _Loaded(
            classifier, ResultEncoder(classifier), classifier.manifest["model"]["kind"] == "lexical"
        )
        with self._lock:
            self._loaded[known.digest] = loaded
            while len(self._loaded) > self._factory.settings.loaded_models:
                self._loaded.popitem(last=False)
            self._loading.pop(known.digest, None)
        return loaded

    def _fetch(self, known: _Known) -> Path:
        """Copy the folder here, under a temporary name until it is whole."""
        kept = self._factory.settings.data_dir / _COPIES / known.digest
        if kept.is_dir():
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_FETCHING, dir=kept.parent))
        try:
            self._factory.objects.download_folder(known.object_prefix, partial)
            try:
                os.replace(partial, kept)
            except OSError:  # another process was faster
                if not kept.is_dir():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        remove_copies(self._factory)  # a server without a worker has nobody else to do it
        return kept


def remove_copies(factory: Factory) -> None:
    """Remove the copies of models that were deleted, and what was fetched by half and left.

    Nobody looks for such a copy any more, and who has loaded it has it in memory. What is neither
    a copy nor a fetch of ours stays, and so does a folder that the settings name.
    """
    copies = factory.settings.data_dir / _COPIES
    # Before the database is asked: a copy is made only of a model that it has.
    folders = list(copies.iterdir()) if copies.is_dir() else []
    if not folders:
        return
    with factory.database.reading() as session:
        wanted = set(session.scalars(select(ModelRow.digest)))
    named = Path(factory.settings.fine_tuned_model or "").resolve()
    for folder in folders:
        gone = _COPY.fullmatch(folder.name) and folder.name not in wanted
        if (gone or _is_abandoned(folder)) and folder.resolve() != named:
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    if not folder.name.startswith(_FETCHING):
        return False
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS
    except FileNotFoundError:  # it became whole while we looked
        return False
