"""Printing events live, over the client that the examples offer; `trading-engine watch events`."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import typer

from engine.cli.lines import LONGEST_PAYLOAD, printable, shortened
from engine.cli.local import find_local
from engine.cli.trading_client import Event, RefreshRequired, Rejected, RequestFailed, TradingClient
from engine.errors import EngineError
from engine.ledger.selection import types_named
from engine.settings import read_settings

TOKEN = "TRADING_ENGINE_TOKEN"  # noqa: S105 - the variable's name; the token of an engine elsewhere


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; what is left out does not matter. `strict` ends it where a cursor can't be honoured."""

    after: str | None
    types: tuple[str, ...]
    symbol: str | None
    user_id: str | None
    entity_id: str | None
    strict: bool

    @property
    def filter(self) -> dict[str, Any]:
        """Answer the API's filter."""
        said = {
            "types": types_named(self.types) or None,
            "symbol": self.symbol,
            "userId": self.user_id,
            "entityId": self.entity_id,
        }
        return {name: value for name, value in said.items() if value is not None}


def print_live(wanted: Wanted, url: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Print events until Ctrl-C. Raises EngineError with one clear line."""
    with _client(url, data_dir) as client:
        following = _Following(client, wanted)
        try:
            asyncio.run(following.print(_json if as_json else _line))
        except KeyboardInterrupt:
            _say(f"go on with --after {following.after}" if following.after else "nothing came")
        except (Rejected, RequestFailed) as error:
            raise EngineError(str(error)) from None
        except RefreshRequired as refresh:
            raise EngineError(f"{refresh}; it goes on after {refresh.cursor}") from None


class _Following:
    """Events, with where they have come to."""

    def __init__(self, client: TradingClient, wanted: Wanted) -> None:
        self.after = wanted.after
        self._client = client
        self._wanted = wanted

    async def print(self, line: Callable[[Event], str]) -> None:
        """Print each event once; the cursor counts as reached when its line is out."""
        async with aclosing(self._events()) as found:
            async for event in found:
                typer.echo(line(event))
                self.after = event.cursor

    async def _events(self) -> AsyncGenerator[Event, None]:
        while True:
            try:
                async with aclosing(self._client.events(self.after, self._wanted.filter)) as found:
                    async for event in found:
                        yield event
            except RefreshRequired as refresh:
                if self._wanted.strict:
                    raise
                _say(f"{refresh}; what was missed is not printed")
                self.after = refresh.cursor


def _json(event: Event) -> str:
    return json.dumps(asdict(event) | {"created_at": event.created_at.isoformat()})


def _line(event: Event) -> str:
    words = (
        event.cursor,
        event.created_at.isoformat(timespec="milliseconds"),
        event.type,
        event.priority,
        event.entity_id or "-",
        event.symbol or "-",
        shortened(json.dumps(event.payload), LONGEST_PAYLOAD),
    )
    return printable(" ".join(words))


@contextmanager
def _client(url: str | None, data_dir: Path | None) -> Iterator[TradingClient]:
    """Answer a client of the engine asked for. Raises EngineError."""
    if url is not None:
        token = os.environ.get(TOKEN, "")
        if not token:
            raise EngineError(
                f"{TOKEN}: set it to a token (trading-engine token create --user NAME --role ROLE)"
            )
        if httpx.URL(url).scheme not in ("http", "https"):
            raise EngineError("url: must begin with http:// or https://")
        yield TradingClient(url, token, tell=_say)
        return
    settings = read_settings(data_dir=data_dir)
    local = find_local(settings.data_dir)
    if local is None:
        raise EngineError(
            f"no engine runs on {settings.data_dir}; start one (trading-engine serve) or name one by --url"
        )
    with local.session("operator") as token:
        yield TradingClient(local.url, token, tell=_say)


def _say(words: str) -> None:
    typer.echo(words, err=True)
