"""Prints your fills as they happen, each once, also across restarts of the engine and of this script.

    TRADING_ENGINE_URL=http://127.0.0.1:8000 TRADING_ENGINE_TOKEN=qlt_... python watch_fills.py [CURSOR_FILE]

The cursor of the last fill that was handled is kept in a file (fills.cursor): written beside it first and then moved
into its place, so that a power cut leaves the old one or the new one. A script that dies between handling and keeping
handles that one fill again: give what you do with it an id of the fill's, if that must not happen twice.
"""

import asyncio
import os
import sys
from pathlib import Path

from trading_client import Event, RefreshRequired, Rejected, RequestFailed, TradingClient

FILLS = {"types": ["ORDER_PARTIALLY_FILLED", "ORDER_FILLED"]}


def handle(event: Event) -> None:
    """Do what is to be done with a fill; this one prints it."""
    said = event.payload
    price = said["averagePrice"]
    print(
        f"{event.created_at:%H:%M:%S} {said['side']} {said['filledQuantity']} {event.symbol} at {price}",
        flush=True,
    )


def keep(file: Path, cursor: str) -> None:
    """Write the cursor so that it is there whole, or not at all."""
    beside = file.with_suffix(".new")
    beside.write_text(cursor)
    os.replace(beside, file)


async def watch(client: TradingClient, file: Path, after: str | None) -> None:
    """Follow fills for ever, after the cursor that was kept."""
    while True:
        try:
            async for event in client.events(after, FILLS):
                handle(event)
                after = event.cursor
                keep(file, after)
        except RefreshRequired as refresh:
            fills = await client.ask(
                "{ executions(first: 100) { edges { node { id symbol quantity price } } } }"
            )
            print(
                f"{refresh}: look through {len(fills['executions']['edges'])} newest executions",
                file=sys.stderr,
            )
            after = refresh.cursor
            keep(file, after)


def main() -> None:
    """Read environment and argument, and watch until Ctrl-C."""
    url, token = os.environ.get("TRADING_ENGINE_URL", ""), os.environ.get("TRADING_ENGINE_TOKEN", "")
    if not url or not token:
        sys.exit("watch_fills.py: set TRADING_ENGINE_URL and TRADING_ENGINE_TOKEN")
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "fills.cursor")
    client = TradingClient(url, token, tell=lambda words: print(words, file=sys.stderr))
    try:
        asyncio.run(watch(client, file, file.read_text().strip() if file.exists() else None))
    except KeyboardInterrupt:
        pass
    except (Rejected, RequestFailed) as error:
        sys.exit(f"watch_fills.py: {error}")


if __name__ == "__main__":
    main()
