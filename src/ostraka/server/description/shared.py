"""What the descriptions of our own routes share: pages, the idempotency key, whose envelope."""

from typing import Final

from ostraka.server.description.operation import Parameter, query
from ostraka.server.envelopes import Dialect

OURS: Final = (Dialect.OSTRAKA,)

PAGE: Final = (
    query("limit", "Most entries.", {"type": "integer", "minimum": 1, "maximum": 200}),
    query("cursor", "The `next_cursor` of the answer before."),
)
KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    "Sent again within a day with the same request, nothing is done twice.",
    schema={"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
)
