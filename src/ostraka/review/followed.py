"""Tell other parts of Ostraka what counts for the items that they have made.

Like a webhook, but within: a piece of work in the transaction of the decision. It names the item
and nothing else, so that whoever takes it up looks at what counts by then.
"""

from typing import Final

from sqlalchemy.orm import Session

from ostraka.review.tables import ItemRow
from ostraka.work.queue import enqueue

DECIDED: Final = "item_decided"
QUEUES: Final = {"trees": "trees"}
"""The queue of those who follow the items of a source."""


def tell(session: Session, item: ItemRow) -> None:
    """Say that people decided on an item, or took a decision back."""
    queue = QUEUES.get(item.source or "")
    if queue is not None:
        enqueue(session, queue=queue, kind=DECIDED, payload={"item_id": item.id})
