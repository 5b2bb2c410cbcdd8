"""An engine with one known mistake, by which a scenario's check is shown to fail; started instead of the real one.

odd_engine.py VARIANT serve ...
"""

import asyncio
import logging
import sys
from itertools import count

from engine.cli.app import main
from engine.ledger.event import Event
from engine.live.subscription import Delivered, Subscription
from engine.security.bearer import Viewer
from gql import messages, serving, websocket
from gql.messages import InvalidMessage

MOST_LET_IN = 10
CATCHING_UP_S = 0.1  # a page


def hasty() -> None:
    """Peers that take nothing are given a second: no mistake, but quicker to see."""
    serving.STUCK_S = 1.0


def never_dropped() -> None:
    """Peers that take nothing are kept for ever."""
    serving.STUCK_S = 3_600.0


def forgets_while_replaying() -> None:
    """What is committed while a subscriber catches up is kept for nobody; it takes long enough for that to happen."""
    take, read_page = Subscription._take, Subscription._read_page

    def forgetful(self: Subscription) -> object:
        if self._replay_to is not None:
            self._empty_buffer()
        return take(self)

    async def slow(self: Subscription, to: int) -> None:
        await read_page(self, to)
        await asyncio.sleep(CATCHING_UP_S)

    Subscription._take = forgetful  # type: ignore[method-assign,assignment]
    Subscription._read_page = slow  # type: ignore[method-assign]


def keeps_what_it_delivers() -> None:
    """Each delivery leaves something behind."""
    deliver, kept = Subscription._deliver, list[bytearray]()

    def keeping(self: Subscription, event: Event) -> Delivered:
        kept.append(bytearray(b"x" * 200_000))
        return deliver(self, event)

    Subscription._deliver = keeping  # type: ignore[method-assign]


def repeats_the_last() -> None:
    """A subscriber who comes back gets the event again that it had last."""
    first = Subscription._first_position

    def earlier(self: Subscription) -> int:
        return max(0, first(self) - (self._after is not None))

    Subscription._first_position = earlier  # type: ignore[method-assign]


def tells_tracebacks() -> None:
    """A malformed frame is a defect to be logged with its traceback."""
    read = messages.read_message

    def loud(frame: str) -> object:
        try:
            return read(frame)
        except InvalidMessage:
            logging.getLogger("gql.websocket").exception("a frame could not be read")
            raise

    vars(websocket)["read_message"] = loud


def closes_without_a_reason() -> None:
    """Whatever a client has done, its socket is closed with the code for nothing special."""
    close = websocket.Close.__init__

    def indifferent(self: websocket.Close, code: int, reason: str) -> None:
        close(self, 1000, reason)

    websocket.Close.__init__ = indifferent  # type: ignore[method-assign]


def turns_away() -> None:
    """Only a few are let in."""
    authenticated, asked = websocket.Session._authenticated, count(1)

    async def few(self: websocket.Session) -> tuple[Viewer, str | None]:
        if next(asked) > MOST_LET_IN:
            raise websocket.Close(1013, "Try again later")
        return await authenticated(self)

    websocket.Session._authenticated = few  # type: ignore[method-assign]


VARIANTS = {
    each.__name__.replace("_", "-"): each
    for each in (
        hasty,
        never_dropped,
        keeps_what_it_delivers,
        forgets_while_replaying,
        repeats_the_last,
        tells_tracebacks,
        closes_without_a_reason,
        turns_away,
    )
}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    main()
