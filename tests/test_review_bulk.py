"""One decision on many items at once: preview, token, undo."""

from collections.abc import Iterator

import pytest
from reviewing import (
    ANNA,
    APPROVE,
    BAN,
    BEN,
    ESCALATE,
    LEAD,
    OTHER_LEAD,
    REMOVE,
    TERMS,
    add_appeal,
    add_case,
    add_item,
    author,
    case,
    claim_and_settle,
    item,
    now,
    queue_of,
    settle,
    strikes,
    work_of,
)

from ostraka.errors import (
    ConflictError,
    InvalidInputError,
    MissingScopeError,
    NotFoundError,
)
from ostraka.review.bulk_decisions import (
    MOST_ITEMS,
    Selection,
    decide_in_bulk,
    preview,
    undo_bulk,
)
from ostraka.storage import audit
from ostraka.storage.database import Database

HARASSED = "harassment"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    with database.reading() as session:
        assert audit.verify(session).whole
    database.close()


def test_bulk_needs_a_preview_that_still_holds(database: Database) -> None:
    items = [add_item(database) for _ in range(3)]
    held = add_case(database, items[0])
    queue_of(database).claim(ANNA)
    removed = add_item(database, action="remove")
    chosen = Selection(item_ids=(*items, removed))
    with database.writing() as session:
        with pytest.raises(MissingScopeError):
            preview(session, chosen, REMOVE, ANNA, TERMS)
        with pytest.raises(InvalidInputError, match="one by one"):
            preview(session, chosen, ESCALATE, LEAD, TERMS)
        with pytest.raises(InvalidInputError, match="which items"):
            preview(session, Selection(), REMOVE, LEAD, TERMS)
        with pytest.raises(NotFoundError, match="item_unknown"):
            preview(session, Selection(("item_unknown",)), REMOVE, LEAD, TERMS)
        with pytest.raises(InvalidInputError, match="select fewer"):
            preview(session, Selection(("x",) * (MOST_ITEMS + 1)), REMOVE, LEAD, TERMS)
        seen = preview(session, Selection(author="author"), REMOVE, LEAD, TERMS)
    assert [change.item_id for change in seen.changes] == [*items, removed]
    assert seen.changes[0].cases == (held,)
    add_case(database, items[1])
    with pytest.raises(ConflictError) as caught, database.writing() as session:
        decide_in_bulk(session, Selection(author="author"), REMOVE, seen.token, LEAD, TERMS, now())
    assert caught.value.code == "preview_outdated"
    assert item(database, items[0]).action == "escalate"


def test_a_whole_bulk_is_done_and_undone(database: Database) -> None:
    items = [add_item(database) for _ in range(3)]
    held = add_case(database, items[0])
    second = add_case(database, items[1], reviewers=2)
    queue_of(database).claim(ANNA)
    appealed = add_item(database, action="remove")
    appeal_case = add_appeal(database, appealed)
    selection = Selection(item_ids=(*items, appealed))
    with database.writing() as session:
        seen = preview(session, selection, BAN, LEAD, TERMS)
        bulk_id, done = decide_in_bulk(session, selection, BAN, seen.token, LEAD, TERMS, now())
    assert done == seen
    assert list(seen.left_out) == [appealed]
    assert [item(database, each).action for each in items] == ["ban_temporary"] * 3
    assert [case(database, each).state for each in (held, second)] == ["withdrawn"] * 2
    assert case(database, appeal_case).state == "open"
    with pytest.raises(ConflictError, match="closed"):
        settle(database, held, ANNA)
    assert len(strikes(database)) == 3
    later = add_appeal(database, items[2])
    claim_and_settle(database, BEN, APPROVE)
    if case(database, later).state == "open":
        claim_and_settle(database, BEN, APPROVE)
    with database.writing() as session:
        with pytest.raises(MissingScopeError):
            undo_bulk(session, bulk_id, ANNA, now(), seconds=600)
        undone = undo_bulk(session, bulk_id, OTHER_LEAD, now(), seconds=600)
    assert (len(undone.undone), len(undone.kept)) == (2, 1)
    assert [item(database, each).action for each in items] == ["escalate", "escalate", "approve"]
    assert strikes(database) == []
    assert author(database).banned_until is None
    assert [case(database, each).state for each in (held, second)] == ["open"] * 2
    assert len([row for row in work_of(database, second) if row.state == "ready"]) == 2
    with pytest.raises(NotFoundError), database.writing() as session:
        undo_bulk(session, "bulk_unknown", LEAD, now(), seconds=600)
