"""Printing events as an engine tells them over its API; `trading-engine watch events`."""

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import typer

from engine.cli.lines import event_line
from engine.cli.local import find_local
from engine.cli.trading_client import (
    ConnectionOptions,
    Event,
    RefreshRequired,
    SignedOut,
    TradingClient,
    TradingClientError,
)
from engine.errors import EngineError
from engine.settings import read_settings

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Engine:
    """Where to listen, and how to prove who one is: `signed_in` answers a token that holds inside its block."""

    url: str
    signed_in: Callable[[], AbstractContextManager[str]]
    can_sign_in_again: bool
    options: ConnectionOptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events, by the API's filter; what to do where a cursor can't be honoured; how to print."""

    filter: Mapping[str, Any]
    strict: bool
    as_json: bool


def here(data_dir: Path | None) -> Engine:
    """Answer the engine running on a data directory. Raises EngineError when there is none."""
    settings = read_settings(data_dir=data_dir)
    running = find_local(settings.data_dir)
    if running is None:
        words = "start one with `trading-engine serve`, or name one elsewhere by --url"
        raise EngineError(f"no engine is running on {settings.data_dir}; {words}")

    @contextmanager
    def signed_in() -> Iterator[str]:
        with running.signed_in(OPERATOR) as client:
            yield next((cookie.value or "" for cookie in client.cookies.jar), "")

    return Engine(running.url, signed_in, can_sign_in_again=True, options=ConnectionOptions(proxy=None))


def elsewhere(url: str, token_name: str) -> Engine:
    """Answer an engine by its address. Raises EngineError when the variable with the token is not set."""
    token = os.environ.get(token_name, "")
    if not token:
        words = "set it to a token (trading-engine token create --user NAME --role ROLE)"
        raise EngineError(f"{token_name}: {words}")

    @contextmanager
    def signed_in() -> Iterator[str]:
        yield token

    return Engine(url, signed_in, can_sign_in_again=False, options=ConnectionOptions())


def print_events(engine: Engine, wanted: Wanted, after: str | None) -> None:
    """Print events until Ctrl-C, or until nobody reads them. Raises EngineError with one clear line."""
    printing = _Printing(engine, wanted, after)
    try:
        while True:
            with engine.signed_in() as token:
                try:
                    asyncio.run(printing.until_output_closes(token))
                    return
                except SignedOut:
                    if not (engine.can_sign_in_again and printing.is_in):
                        raise
    except KeyboardInterrupt:
        _say("nothing came" if printing.cursor is None else f"go on with --after {printing.cursor}")
    except TradingClientError as error:
        raise EngineError(f"the engine at {engine.url}: {error}") from None
    except ValueError as error:  # of the address
        raise EngineError(str(error)) from None


class _Printing:
    """Prints events, and knows the cursor of the last one that is out."""

    def __init__(self, engine: Engine, wanted: Wanted, after: str | None) -> None:
        self.cursor = after
        self.is_in = False  # whether the last token has proven something
        self._engine = engine
        self._wanted = wanted

    async def until_output_closes(self, token: str) -> None:
        """Print as this token's user. Raises TradingClientError."""
        printing = asyncio.create_task(self._print(token))
        try:
            with _reader_of_output() as gone:
                await asyncio.wait([printing, gone], return_when=asyncio.FIRST_COMPLETED)
            if printing.done():
                await printing
        except BrokenPipeError:
            pass
        finally:
            printing.cancel()
            await asyncio.wait([printing])
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still unwritten goes nowhere

    async def _print(self, token: str) -> None:
        self.is_in = False
        async with TradingClient(self._engine.url, token, self._engine.options, tell=_say) as client:
            now = await client.latest_cursor()  # told at once if there is no engine, or no such user
            self.cursor, self.is_in = self.cursor or now, True
            while True:
                try:
                    await self._print_after(self.cursor, client)
                except RefreshRequired as refresh:
                    if self._wanted.strict:
                        raise
                    self.cursor = refresh.cursor
                    _say(f"{refresh}; read the state anew. Going on after {refresh.cursor}")

    async def _print_after(self, cursor: str, client: TradingClient) -> None:
        async with aclosing(client.events(cursor, self._wanted.filter)) as events:
            async for event in events:
                typer.echo(_json(event) if self._wanted.as_json else event_line(event, event.cursor))
                self.cursor = event.cursor


def _json(event: Event) -> str:
    return orjson.dumps(asdict(event)).decode()


def _say(words: str) -> None:
    typer.echo(words, err=True)


@contextmanager
def _reader_of_output() -> Iterator["asyncio.Future[None]"]:
    """Answer what is done once nobody reads the pipe that standard output is, even while nothing is printed."""
    loop, output = asyncio.get_running_loop(), sys.stdout.fileno()
    gone = loop.create_future()
    if not stat.S_ISFIFO(os.fstat(output).st_mode):
        yield gone
        return
    loop.add_reader(output, gone.cancel)
    try:
        yield gone
    finally:
        loop.remove_reader(output)
