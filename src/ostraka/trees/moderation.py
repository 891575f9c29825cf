"""Messages of trees as items of moderation: each is judged, and what is decided comes back.

Every text becomes an item with its verdict. What the policy removes is deleted at once with what is
below it; what it is in doubt of becomes a case for people, and what they decide is done to the
message: a removal deletes it, an approval brings back what moderation had deleted. Whoever calls
these functions twice changes nothing the second time.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ostraka.errors import CallerError
from ostraka.moderator import Verdict
from ostraka.review.items import ItemStore
from ostraka.review.new_items import NewItem
from ostraka.review.submission import Submission, Taken
from ostraka.review.tables import ItemRow
from ostraka.taxonomy import Action
from ostraka.trees.banning import release
from ostraka.trees.contributors import names_on_record
from ostraka.trees.moderating import delete
from ostraka.trees.near_duplicates import compare_prompt
from ostraka.trees.states import Event, State
from ostraka.trees.store import TreeStore
from ostraka.trees.tables import TreeEventRow
from ostraka.trees.tree import Tree
from ostraka.trees.values import Message

SOURCE: Final = "trees"
"""What items made of messages name as their source."""
REMOVED, PUT_BACK = "removed", "put_back"
_DELETIONS: Final = (REMOVED, PUT_BACK, "deleted")
"""Acts in a tree's log that say by whom a message is deleted; the newest one counts."""
BANNING: Final = frozenset({Action.BAN_TEMPORARY, Action.BAN_PERMANENT})
REMOVING: Final = frozenset({Action.REMOVE, Action.BAN_TEMPORARY, Action.BAN_PERMANENT})

Score = Callable[[Sequence[str]], Sequence[Verdict]]


def item_name(message: Message) -> str:
    """The external id of the item that a message's present text is: another text, another item."""
    digest = hashlib.sha256(message.text.encode()).hexdigest()
    return f"{message.id}:{digest[:12]}"


def judge(
    store: TreeStore,
    items: ItemStore,
    score: Score,
    tree_id: str,
    message_ids: Sequence[str],
    now: datetime,
) -> None:
    """Have messages judged, and do to them what the policy says.

    Raises:
        StorageError: nothing was kept; try again.
    """
    tree = store.read(tree_id)
    wanted = [tree.messages[each] for each in message_ids if each in tree.messages]
    wanted = [each for each in wanted if each.text]
    if not wanted:
        return
    with store.database.reading() as session:
        known = _judged_before(session, wanted)
        names = names_on_record(session, {each.author for each in wanted if each.author})
    new = [each for each in wanted if item_name(each) not in known]
    verdicts = score([each.text for each in new]) if new else []
    submissions = [
        Submission([_item(tree, message, names)], [verdict], SOURCE, single=True)
        for message, verdict in zip(new, verdicts, strict=True)
    ]
    for message, taken in zip(new, items.submit(submissions, now) if new else [], strict=True):
        if isinstance(taken, Taken):
            known[item_name(message)] = taken.answer["id"], Action(taken.answer["action"])
    for message in wanted:
        if item_name(message) in known:
            _act(store, tree, message, *known[item_name(message)], now)
    if tree.id in message_ids and tree.root.text:
        with store.database.writing() as session:
            compare_prompt(session, tree.root, now)


def carry_out(store: TreeStore, item_id: str, now: datetime) -> None:
    """Do to a message what now counts for its item: people decided, or took a decision back."""
    with store.database.reading() as session:
        item = session.get(ItemRow, item_id)
        if item is None or item.source != SOURCE or item.thread_id is None:
            return
        tree_id, name, action = item.thread_id, item.external_id or "", Action(item.action)
    try:
        tree = store.read(tree_id)
    except CallerError:  # an item that names a tree which never was
        return
    message = tree.messages.get(name.partition(":")[0])
    if message is None or item_name(message) != name:
        return  # its text is another one by now, and has an item of its own
    if action in REMOVING:
        remove(store, tree, message.id, "people", item_id, now)
        _release(store, message, action, now)
    else:
        put_back(store, tree, message.id, item_id, now)


def remove(
    store: TreeStore, tree: Tree, message_id: str, actor: str, item_id: str, now: datetime
) -> None:
    """Delete a message with what is below it, unless it is deleted."""
    if tree.messages[message_id].deleted:
        return
    detail: dict[str, object] = {"message": message_id, "item": item_id}

    def act(tree: Tree) -> Tree:
        detail["deleted"] = [each for each in tree.below(message_id) if _stands(tree, each)]
        return delete(tree, message_id)

    store.let_happen(tree.id, Event.CHECK, actor, now, act=act, name=REMOVED, detail=detail)


def put_back(store: TreeStore, tree: Tree, message_id: str, item_id: str, now: datetime) -> None:
    """Bring back what moderation had deleted with a message; what others deleted stays away."""
    if not tree.messages[message_id].deleted:
        return
    with store.database.reading() as session:
        gone = _deleted_by_moderation(session, tree.id, message_id)
    if not gone:
        return

    def act(tree: Tree) -> Tree:
        back = [tree.messages[each] for each in gone if tree.messages[each].text]
        return tree.with_messages(*(replace(each, deleted=False) for each in back))

    detail = {"message": message_id, "item": item_id, "restored": gone}
    event = Event.RECONSIDER
    if message_id == tree.id and tree.state is State.HALTED_BY_MODERATOR:
        event = Event.RESUME
    store.let_happen(tree.id, event, "people", now, act=act, name=PUT_BACK, detail=detail)


def items_of(session: Session, tree: Tree) -> dict[str, ItemRow]:
    """The items that the present texts of a tree's messages are, by message."""
    names = {item_name(each): each.id for each in tree.messages.values()}
    rows = session.scalars(
        select(ItemRow).where(ItemRow.thread_id == tree.id, ItemRow.source == SOURCE)
    )
    return {names[row.external_id]: row for row in rows if row.external_id in names}


def _judged_before(session: Session, messages: Sequence[Message]) -> dict[str, tuple[str, Action]]:
    """Items that there are of messages' texts, by their external ids, and what counts for each.

    They are not sent again: who wrote them and what they answer may be told otherwise by now, when
    contributors were merged or the message above was edited, and that would be another item.
    """
    wanted = select(ItemRow.external_id, ItemRow.id, ItemRow.action).where(
        ItemRow.external_id.in_([item_name(each) for each in messages]), ItemRow.source == SOURCE
    )
    found = session.execute(wanted)
    return {str(name): (item_id, Action(action)) for name, item_id, action in found}


def _act(
    store: TreeStore, tree: Tree, message: Message, item_id: str, action: Action, now: datetime
) -> None:
    if store.configuration.auto_mod_enabled and action in REMOVING:
        remove(store, tree, message.id, "policy", item_id, now)
        _release(store, message, action, now)


def _release(store: TreeStore, message: Message, action: Action, now: datetime) -> None:
    """Give to others what its author holds, who may hand nothing in while they are banned."""
    author = message.author
    if author is not None and action in BANNING:
        store.write(lambda session: release(session, author, "policy", store.configuration, now))


def _item(tree: Tree, message: Message, names: Mapping[str, str]) -> NewItem:
    parent = tree.messages[message.parent_id] if message.parent_id else None
    return NewItem(
        text=message.text,
        external_id=item_name(message),
        author=names.get(message.author or "", message.author),
        thread_id=tree.id,
        parent_id=item_name(parent) if parent else None,
        language=message.language,
        source=SOURCE,
        metadata={"message_id": message.id, "role": str(message.role), "depth": message.depth},
    )


def _stands(tree: Tree, message_id: str) -> bool:
    return not tree.messages[message_id].deleted


def _deleted_by_moderation(session: Session, tree_id: str, message_id: str) -> list[str]:
    """What went with a message when moderation last deleted it, if nobody else did since."""
    events = session.scalars(
        select(TreeEventRow)
        .where(TreeEventRow.tree_id == tree_id, TreeEventRow.act.in_(_DELETIONS))
        .order_by(TreeEventRow.id.desc())
    )
    for event in events:
        if event.detail.get("message") == message_id:
            return list(event.detail.get("deleted", ())) if event.act == REMOVED else []
    return []
