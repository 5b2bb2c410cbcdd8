"""Prints your fills as they happen, each once, also those that came while this script or the engine was down.

    TRADING_ENGINE_URL=http://127.0.0.1:8000 TRADING_ENGINE_TOKEN=qlt_... python watch_fills.py [CURSOR_FILE]

The cursor of the last fill that was handled is kept in a file, fills.cursor. Killed between handling a fill and keeping
its cursor, the script handles that one fill again: where that must not be, give what you do the fill's executionId.
"""

import asyncio
import os
import sys
from pathlib import Path

from trading_client import Event, RefreshRequired, TradingClient, TradingClientError

ME = "{ me { id } }"
FILLS = ["ORDER_PARTIALLY_FILLED", "ORDER_FILLED"]
NEWEST = """
query Newest($me: ID!) {
  executions(filter: { userId: $me }, first: 20) { edges { node { executedAt side quantity symbol price } } }
}
"""


class CursorFile:
    """Where the cursor outlives this script: whole at any moment, the old one or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.new")

    def read(self) -> str | None:
        """Answer the cursor that was kept last."""
        return self._path.read_text().strip() if self._path.exists() else None

    def keep(self, cursor: str) -> None:
        """Keep a cursor: on the disk before it takes the old one's place."""
        with self._beside.open("w") as file:
            file.write(f"{cursor}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._beside, self._path)


def handle(event: Event) -> None:
    """Do what there is to do about a fill."""
    fill = event.payload
    print(
        f"{event.created_at:%H:%M:%S} {fill['side']} {fill['fillQuantity']} {event.symbol} at {fill['fillPrice']}"
        f" ({fill['filledQuantity']}/{fill['quantity']} of {fill['clientOrderId']})",
        flush=True,
    )


async def watch(client: TradingClient, kept: CursorFile) -> None:
    """Handle each of your fills once. Raises TradingClientError where that cannot go on."""
    me = (await client.ask(ME))["me"]["id"]
    cursor = kept.read() or await client.latest_cursor()
    kept.keep(cursor)
    while True:
        try:
            async for event in client.events(cursor, {"types": FILLS, "userId": me}):
                handle(event)
                kept.keep(event.cursor)
        except RefreshRequired as refresh:
            print(f"{refresh}. Your newest fills, some of them perhaps not handled:", file=sys.stderr)
            for edge in (await client.ask(NEWEST, {"me": me}, attempts=10))["executions"]["edges"]:
                print("  ", *edge["node"].values(), file=sys.stderr)
            cursor = refresh.cursor
            kept.keep(cursor)


async def run(url: str, token: str, kept: CursorFile) -> None:
    """Watch until Ctrl-C."""
    async with TradingClient(url, token) as client:
        await watch(client, kept)


def main() -> None:
    """Read environment and argument, and end with one line where it cannot go on."""
    names = ("TRADING_ENGINE_URL", "TRADING_ENGINE_TOKEN")
    if missing := [name for name in names if not os.environ.get(name)]:
        sys.exit(f"watch_fills.py: set {missing[0]}")
    url, token = (os.environ[name] for name in names)
    kept = CursorFile(Path(sys.argv[1] if len(sys.argv) > 1 else "fills.cursor"))
    try:
        asyncio.run(run(url, token, kept))
    except (TradingClientError, ValueError, OSError) as error:
        sys.exit(f"watch_fills.py: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
