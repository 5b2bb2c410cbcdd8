"""What several are shown alike: made once, encoded once for each selection; the rest is theirs alone.

An event is the same for everybody who sees it with the same eyes (`audience_of`): its cursor carries them. So the item
of an event and an audience is made once, and keeps what was encoded of it, by selection; so does a quote. Whether
somebody sees it at all is decided for each, as ever, before.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakValueDictionary

from engine.ledger.event import Event
from engine.ledger.journal import Cursor
from engine.live.groups import Interest
from engine.security.bearer import Viewer
from engine.security.visibility import audience_of, owners_seen_by, sees

Item = TypeVar("Item")

MOST_KEPT = 512  # items; subscribers that are further behind make theirs anew
BESIDE = 200  # bytes that keeping a selection takes beside its text


class Shared:
    """Something that is shown to many: it keeps what it was encoded to, by selection, once that is shown again.

    Whoever makes one changes nothing of it, or of what it holds, once it has been shown.
    """

    most_bytes: ClassVar[int]  # that one keeps; beyond, all is encoded anew
    made: dict[object, object]  # None: it was shown once

    def __post_init__(self) -> None:
        self.made = {}
        self._bytes = 0

    def is_shown_again(self, key: object) -> bool:
        """Tell whether a selection was shown before, and note that it is."""
        if key in self.made:
            return True
        self._note(key, None, BESIDE)
        return False

    def keep(self, key: object, encoded: object, size: int) -> None:
        """Keep what a selection was encoded to, which has so many bytes."""
        if BESIDE + size <= self.most_bytes:
            self._note(key, encoded, size)

    def _note(self, key: object, encoded: object, size: int) -> None:
        """Note something in the bound: whoever invents selections fills no memory."""
        self._bytes += size
        if self._bytes > self.most_bytes:
            self.made.clear()
            self._bytes = BESIDE + size
        self.made[key] = encoded


class Newest(Generic[Item]):
    """The items that were made last, by the cursor they carry: it names ledger, event and audience."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Cursor, Item] = OrderedDict()

    def get(self, cursor: Cursor) -> Item | None:
        """Answer the item with a cursor, if it is kept."""
        return self._kept.get(cursor)

    def keep(self, cursor: Cursor, item: Item) -> None:
        """Keep an item; beyond the bound the oldest goes."""
        self._kept[cursor] = item
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


_interests: WeakValueDictionary[Hashable, Interest] = WeakValueDictionary()


def seen_by(
    viewer: Viewer, key: Hashable, meets: Callable[[Event], bool], common: Mapping[str, frozenset[Any]]
) -> Interest:
    """Answer the interest in what a viewer may see of some facts: the same one for all who see with the same eyes.

    `key` stands for `meets`: equal keys mean equal tests. `common` is what all facts that meet it have in common.
    """
    asked = audience_of(viewer), key
    found = _interests.get(asked)
    if found is None:

        def wants(event: Event) -> bool:
            return meets(event) and sees(viewer, event)

        if (owners := owners_seen_by(viewer)) is not None:
            common = {**common, "user_id": common.get("user_id", owners) & owners}
        found = _interests[asked] = Interest(wants, common)
    return found
