"""`/api/policies`, described."""

from typing import Any, Final

from msgspec import Struct

from ostraka.server.description.operation import Operation, Parameter
from ostraka.server.description.shared import KEY, OURS, PAGE
from ostraka.server.review.bodies import Activation, Change, NewPolicy

DIGEST: Final = "sha256:" + "1" * 64
"""A draft."""
IN_SHADOW: Final = "sha256:" + "2" * 64
ACTS: Final = "sha256:" + "3" * 64
SMALL_POLICY: Final = """\
name = "only threats"

[categories."harassment/threatening"]
threshold = 0.9
severity = "high"
violation = "harassment"

[[rules]]
name = "threat"
categories = ["harassment/threatening"]
action = "remove"

[[queues]]
name = "general"
"""


class Policy(Struct, forbid_unknown_fields=True):
    """A version of the policy."""

    digest: str
    created_at: str | None
    name: str
    author: str
    note: str


class WholePolicy(Struct, forbid_unknown_fields=True):
    """A version of the policy with its document."""

    digest: str
    created_at: str | None
    name: str
    author: str
    note: str
    document: str


class PolicyPage(Struct, forbid_unknown_fields=True):
    """Policies, and where the next ones begin."""

    data: list[Policy]
    next_cursor: str | None


class Activated(Struct, forbid_unknown_fields=True):
    """When a policy began to act (`active`), or its run in `shadow` began or ended."""

    id: str
    created_at: str
    kind: str
    policy: str
    actor: str
    note: str


class ActivationPage(Struct, forbid_unknown_fields=True):
    """What acted when."""

    data: list[Activated]
    next_cursor: str | None


class ActivePolicy(Struct, forbid_unknown_fields=True):
    """The policy that acts; `activation` is null for the one that ships with the package."""

    digest: str
    name: str
    activation: Activated | None
    shadows: list[str]


def policy_digest(example: str) -> Parameter:
    """The parameter that names a policy."""
    return Parameter("digest", "path", "A policy's digest, or its first 8 digits.", example)


def _one(**more: Any) -> dict[str, Any]:
    return {"tag": "Policies", "dialects": OURS} | more


OPERATIONS: Final = (
    Operation(
        id="add_policy",
        method="post",
        path="/api/policies",
        summary="Add a policy",
        description="It does not act before it is activated. One that says the same is there "
        "already and is answered.",
        request=NewPolicy,
        shapes=(Policy,),
        parameters=(KEY,),
        requests={"small": {"document": SMALL_POLICY, "note": "A beginning."}},
        also=(409,),
        **_one(),
    ),
    Operation(
        id="list_policies",
        method="get",
        path="/api/policies",
        summary="List policies, the newest first",
        shapes=(PolicyPage,),
        parameters=PAGE,
        also=(400,),
        **_one(),
    ),
    Operation(
        id="get_active_policy",
        method="get",
        path="/api/policies/active",
        summary="Get the policy that acts",
        shapes=(ActivePolicy,),
        **_one(),
    ),
    Operation(
        id="list_activations",
        method="get",
        path="/api/policies/activations",
        summary="What acted when, the newest first",
        shapes=(ActivationPage,),
        parameters=PAGE,
        also=(400,),
        **_one(),
    ),
    Operation(
        id="roll_back_policy",
        method="post",
        path="/api/policies/rollback",
        summary="Let the policy act that acted before",
        request=Change,
        shapes=(Activated,),
        parameters=(KEY,),
        requests={"why": {"note": "Too strict."}},
        also=(409,),
        **_one(),
    ),
    Operation(
        id="get_policy",
        method="get",
        path="/api/policies/{digest}",
        summary="Get a policy with its document",
        shapes=(WholePolicy,),
        parameters=(policy_digest(DIGEST),),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="activate_policy",
        method="post",
        path="/api/policies/{digest}/activate",
        summary="Let a policy act",
        description="All of its examples have to hold; the refusal names those that do not. "
        "It has to have been replayed on stored items, unless there are none or "
        "`without_backtest` says that it need not; one in shadow has to have seen "
        "`shadow_minimum` items, unless `without_shadow` says so.",
        request=Activation,
        shapes=(Activated,),
        parameters=(policy_digest(DIGEST), KEY),
        requests={"now": {"note": "Agreed on Monday.", "without_backtest": True}},
        also=(409,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="start_shadow",
        method="post",
        path="/api/policies/{digest}/shadow",
        summary="Let a draft see live traffic without acting",
        request=Change,
        shapes=(Activated,),
        parameters=(policy_digest(DIGEST), KEY),
        requests={"why": {"note": "Try the new threshold."}},
        also=(409,),
        may_miss=True,
        **_one(),
    ),
    Operation(
        id="stop_shadow",
        method="delete",
        path="/api/policies/{digest}/shadow",
        summary="End a draft's shadow run",
        shapes=(Activated,),
        parameters=(policy_digest(IN_SHADOW), KEY),
        also=(400, 409),
        may_miss=True,
        **_one(),
    ),
)
