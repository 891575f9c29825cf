"""What is kept of the judge's answers: one file, shared by all processes of a machine."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec

from ostraka.judge.cache import AnswerCache, Chosen, Origin


@dataclass(frozen=True, slots=True)
class KeptOrigin:
    """The answers of one judge to one version of a prompt."""

    origin: Origin

    @property
    def first(self) -> datetime:
        """When the oldest was given."""
        return datetime.fromtimestamp(self.origin.first, UTC)

    @property
    def last(self) -> datetime:
        """When the newest was given."""
        return datetime.fromtimestamp(self.origin.last, UTC)

    @property
    def query(self) -> str:
        """What chooses just these in an address."""
        return urlencode({"model": self.origin.model, "prompt": self.origin.prompt_version})


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """The cache."""

    name: str
    bytes: int
    answers: int
    origins: Sequence[KeptOrigin]


def kept_answers(cache: AnswerCache) -> KeptAnswers:
    """What the file holds; reads all of its index.

    Raises:
        StorageError: it cannot be read.
    """
    origins = cache.origins()
    size = 0
    for path in (cache.path, cache.path.with_name(f"{cache.path.name}-wal")):
        with suppress(OSError):
            size += path.stat().st_size
    return KeptAnswers(
        cache.path.name,
        size,
        sum(each.answers for each in origins),
        [KeptOrigin(each) for each in origins],
    )


def exported(cache: AnswerCache, chosen: Chosen) -> Iterator[bytes]:
    """The chosen answers with their provenance, as lines of JSON."""
    for row in cache.export(chosen):
        yield msgspec.json.encode(row) + b"\n"
