"""What an act on many trees leads to: shown before it is done, and told when it was done."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from ostraka.trees.advance import Advanced
from ostraka.trees.tree import Tree

COUNTED: Final = (
    "messages_deleted",
    "messages_erased",
    "messages_renamed",
    "reviews",
    "votes",
    "marks",
    "leases",
)


@dataclass(frozen=True, slots=True)
class TreeChange:
    """What an act does to one tree."""

    tree_id: str
    before: str
    """The state that it is in, and the one that it comes into."""
    after: str
    messages_deleted: int = 0
    messages_erased: int = 0
    messages_renamed: int = 0
    reviews: int = 0
    """How many fewer there are; fewer than none are more."""
    votes: int = 0
    marks: int = 0
    leases: int = 0

    @classmethod
    def between(cls, before: Tree, after: Tree) -> Self:
        """What changed between two values of a tree."""
        pairs = [(old, after.messages[old.id]) for old in before.messages.values()]
        return cls(
            tree_id=before.id,
            before=str(before.state),
            after=str(after.state),
            messages_deleted=sum(new.deleted and not old.deleted for old, new in pairs),
            messages_erased=sum(bool(old.text and not new.text) for old, new in pairs),
            messages_renamed=sum(
                new.author is not None and old.author != new.author for old, new in pairs
            ),
            reviews=sum(len(old.reviews) - len(new.reviews) for old, new in pairs),
            votes=len(before.votes) - len(after.votes),
            marks=sum(len(old.marks) - len(new.marks) for old, new in pairs),
            leases=len(before.leases) - len(after.leases),
        )

    @property
    def moves(self) -> bool:
        """Whether the tree comes into another state."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Consequences:
    """What an act on a contributor leads to, over all trees."""

    act: str
    contributor: str
    done: bool
    """False for a preview."""
    trees: tuple[TreeChange, ...]
    bans: bool = False
    """Of a merge: the one that is left is banned from then on, as the other was."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values: totals, and each tree that changes."""
        return {
            "act": self.act,
            "contributor": self.contributor,
            "done": self.done,
            "bans": self.bans,
            **{name: sum(getattr(each, name) for each in self.trees) for name in COUNTED},
            "moved": sum(each.moves for each in self.trees),
            "trees": [asdict(each) for each in self.trees],
        }


def gather(
    act: str, contributor: str, done: bool, found: Iterable[tuple[Tree, Advanced]]
) -> Consequences:
    """The consequences of an act, from what each tree was and is; untouched ones are left out."""
    changes = tuple(
        TreeChange.between(before, after.tree) for before, after in found if before != after.tree
    )
    return Consequences(act, contributor, done, changes)
