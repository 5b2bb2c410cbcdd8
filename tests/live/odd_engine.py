"""An engine with one known mistake, by which a scenario's check is shown to fail; started instead of the real one.

broken_engine.py VARIANT serve ...
"""

import logging
import sys

from engine.cli.app import main
from engine.live.subscription import Subscription
from gql import messages, serving, websocket
from gql.messages import InvalidMessage


def hasty() -> None:
    """Peers that take nothing are given a second: no mistake, but quicker to see."""
    serving.STUCK_S = 1.0


def never_dropped() -> None:
    """Peers that take nothing are kept for ever."""
    serving.STUCK_S = 3_600.0


def forgets_while_replaying() -> None:
    """What is committed while a subscriber catches up is kept for nobody."""
    take = Subscription._take

    def forgetful(self: Subscription) -> object:
        if self._replay_to is not None:
            self._buffer.clear()
        return take(self)

    Subscription._take = forgetful  # type: ignore[method-assign,assignment]


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


VARIANTS = {
    each.__name__.replace("_", "-"): each
    for each in (hasty, never_dropped, forgets_while_replaying, tells_tracebacks)
}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    main()
