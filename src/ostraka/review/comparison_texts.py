"""The texts of examples, looked up when they are shown."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.review.comparison import Compared, Example
from ostraka.review.tables import ItemRow


def with_texts(session: Session, compared: Compared) -> Compared:
    """The comparison with the text of every example; of an erased item there is none."""
    kinds = (compared.caught, compared.freed, compared.changed, compared.against_people)
    ids = {example.item_id for examples in kinds for example in examples}
    wanted = select(ItemRow.id, ItemRow.text).where(ItemRow.id.in_(ids))
    texts = dict(session.execute(wanted).all())

    def told(examples: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(replace(each, text=texts.get(each.item_id)) for each in examples)

    return replace(
        compared,
        caught=told(compared.caught),
        freed=told(compared.freed),
        changed=told(compared.changed),
        against_people=told(compared.against_people),
    )
