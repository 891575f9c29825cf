"""`/api/rewards`: conversations in, rewards out, as `ostraka judge rewards` gives them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.judge.reward_rows import row_of, totals_of
from ostraka.judge.rewards import RewardJudge, RewardOptions, RewardSummary
from ostraka.judge.setup import JudgeSetup
from ostraka.judge.turns import BadRow, Turn, cut
from ostraka.server.envelopes import json_response
from ostraka.server.review.common import read_call
from ostraka.server.reward_shapes import RewardOrder
from ostraka.server.state import State, state_of

_SHARE_OF_TIME: Final = 0.9
"""Of the time a request may take, so that what was judged by then is answered and not lost."""


async def create(request: Request) -> Response:
    """Judge the turns of some conversations."""
    order: RewardOrder = (await read_call(request, RewardOrder)).body
    state = state_of(request)
    setup = _setup(state)
    cuts = list(_cut(order.conversations))
    turns = [each for each in cuts if isinstance(each, Turn)]
    options = RewardOptions(threshold=order.threshold, extra=state.settings.judge_extra)
    judge = RewardJudge(setup.client, setup.labels, options)
    results = await judge.judge_batch_async(
        turns, seconds=_SHARE_OF_TIME * state.settings.request_seconds
    )
    summary = RewardSummary()
    for result in results:
        summary.add(result)
    numbered = enumerate(zip(turns, results, strict=True), 1)
    return json_response(
        {
            "data": [row_of(number, *pair, order.history) for number, pair in numbered],
            "summary": totals_of(summary),
            "bad_conversations": [
                {"number": each.number, "problem": each.problem}
                for each in cuts
                if isinstance(each, BadRow)
            ],
        }
    )


def _setup(state: State) -> JudgeSetup:
    setup = state.moderator.judge
    if setup is None:
        raise ConflictError(
            "This server has no LLM judge; give it the address of one in the setting 'judge_url'.",
            code="no_judge",
        )
    return setup


def _cut(conversations: Sequence[Mapping[str, Any]]) -> Iterator[Turn | BadRow]:
    for number, conversation in enumerate(conversations, 1):
        try:
            yield from cut(conversation, name=str(number))
        except InvalidInputError as error:
            yield BadRow(number, error.message)
