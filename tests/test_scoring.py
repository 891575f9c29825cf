"""Texts of requests that come together are scored together; nobody waits for who does not come."""

import asyncio
from collections.abc import Sequence

import pytest

from ostraka import Moderator
from ostraka.moderator import Verdict
from ostraka.server.scoring import Scoring

LEXICAL = "ostraka-lexical"


@pytest.fixture(scope="module")
def moderator() -> Moderator:
    return Moderator.default()


async def ask(scoring: Scoring, calls: int) -> list[Verdict]:
    """The verdicts on as many texts as there are calls at the same time."""
    asked = (scoring.verdicts([f"Good morning, number {n}."], LEXICAL) for n in range(calls))
    async with asyncio.timeout(10):
        return [verdict for verdicts in await asyncio.gather(*asked) for verdict in verdicts]


@pytest.mark.parametrize("crowds", [[8, 8], [1, 1, 1], [2, 9, 9], [8, 12, 12]])
def test_as_many_as_before_wait_for_nobody(moderator: Moderator, crowds: Sequence[int]) -> None:
    async def answered() -> list[int]:
        scoring = Scoring(moderator, batch=8, max_pending=8, patience=60.0)
        found = [len(await ask(scoring, calls)) for calls in crowds]
        scoring.close()
        return found

    assert asyncio.run(answered()) == crowds


def test_fewer_than_before_wait_for_a_moment(moderator: Moderator) -> None:
    async def answered() -> list[int]:
        scoring = Scoring(moderator, batch=8, max_pending=8)
        found = [len(await ask(scoring, calls)) for calls in (8, 3, 1, 1)]
        scoring.close()
        return found

    assert asyncio.run(answered()) == [8, 3, 1, 1]


def test_a_crowd_with_much_text_gets_its_scores_from_a_thread(moderator: Moderator) -> None:
    calls = [[f"Good morning, {n} and {m}." for m in range(600)] for n in range(12)]

    async def together() -> list[list[Verdict]]:
        scoring = Scoring(moderator, batch=8, max_pending=10_000)
        answers = asyncio.gather(*(scoring.verdicts(texts, LEXICAL) for texts in calls))
        while not scoring.pending:
            await asyncio.sleep(0)
        found = await answers
        assert not scoring.pending
        scoring.close()
        return found

    expected = moderator.moderate_many([text for texts in calls for text in texts], model=LEXICAL)
    assert [each for found in asyncio.run(together()) for each in found] == expected


def test_a_crowd_gets_the_scores_of_single_texts(moderator: Moderator) -> None:
    async def together() -> list[Verdict]:
        scoring = Scoring(moderator, batch=8, max_pending=8)
        found = await ask(scoring, 9)
        scoring.close()
        return found

    texts = [f"Good morning, number {n}." for n in range(9)]
    assert asyncio.run(together()) == [moderator.moderate(each, model=LEXICAL) for each in texts]
