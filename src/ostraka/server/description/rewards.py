"""`/api/rewards`, described."""

from typing import Any, Final

from ostraka.server.description.operation import Operation
from ostraka.server.description.shared import OURS
from ostraka.server.reward_shapes import RewardOrder, Rewards

_TURN: Final = {
    "id": "t1",
    "question": "How high is Mount Everest? In feet, please.",
    "answer": "Mount Everest is 8,848.86 metres high.",
    "follow_up": "As I said, in feet.",
}
TURNS: Final = (_TURN,)
_ANSWER: Final[dict[str, Any]] = {
    "data": [
        {
            "turn": 1,
            **_TURN,
            "label": "neg_constraint_restate",
            "confidence": 0.93,
            "rationale": "The unit that was asked for is asked for again.",
            "reward": -1.0,
            "should_update": True,
            "outcome": "judged",
            "confidence_source": "logprobs",
            "model": "qwen3-8b",
            "document": "sha256:4c1f",
            "detail": "",
        }
    ],
    "summary": {
        "turns": 1,
        "outcomes": {"judged": 1, "request_failed": 0, "parse_failure": 0, "unknown_label": 0},
        "labels": {"neg_constraint_restate": 1},
        "updates": 1,
        "total_reward": -1.0,
    },
    "bad_conversations": [],
}

OPERATIONS: Final = (
    Operation(
        id="create_rewards",
        method="post",
        path="/api/rewards",
        tag="Rewards",
        summary="Turn conversations into rewards",
        description="The LLM judge reads each turn (question, answer, follow-up) and gives it a "
        "label, and with it a reward. A turn that it could not judge is in the answer too: its "
        "`outcome` says why, it has no reward, and `should_update` is false. 409 where the server "
        "has no judge.",
        request=RewardOrder,
        shapes=(Rewards,),
        requests={
            "turn": {"conversations": [_TURN]},
            "chat": {
                "conversations": [
                    {
                        "messages": [
                            {"role": "user", "content": "Name a prime."},
                            {"role": "assistant", "content": "Nine."},
                            {"role": "user", "content": "That is wrong."},
                        ]
                    }
                ],
                "history": True,
            },
        },
        answers={"one turn": _ANSWER},
        dialects=OURS,
        also=(409,),
    ),
)
