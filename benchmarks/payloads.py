"""What contenders answer, compared: the same values in the same places, but for what is each one's own."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.contenders import Contender, contender
from tests.live.raw import PATIENCE_S, RawSocket

OWN = {"id", "tokenId", "cursor", "latestCursor", "createdAt", "receivedAt", "stale", "at"}  # by name


def expect_equal(kinds: Sequence[str], queries: Iterable[str], events: str, folder: Path) -> None:
    """Ask everybody the same. Raises RuntimeError, with what they said, for one that answers something else."""
    said: dict[str, list[Any]] = {}
    for kind in kinds:
        with contender(kind, folder / f"{kind}-said", 1) as server:
            twice = [query for query in queries for _ in range(2)]  # the second time it is compiled
            answers = [_answer(server, query) for query in twice]
            said[kind] = [_shared(each) for each in (*answers, asyncio.run(_event(server, events)))]
    first, *others = said.items()
    for kind, answers in others:
        if answers != first[1]:
            raise RuntimeError(f"{first[0]} and {kind} answer differently:\n{first[1]}\n{answers}")
    print(f"  equal answers: {', '.join(said)}")


def _answer(server: Contender, query: str) -> Any:
    headers = {"authorization": f"Bearer {server.token}"}
    url = f"http://127.0.0.1:{server.port}/graphql"
    answer = httpx.post(url, json={"query": query}, headers=headers, timeout=PATIENCE_S)
    return answer.raise_for_status().json()


async def _event(server: Contender, query: str) -> Any:
    socket = await RawSocket.signed_in(server.port, server.token)
    try:
        socket.subscribe(query)
        async with asyncio.timeout(PATIENCE_S):
            return json.loads((await socket.receive())[1])
    finally:
        socket.abort()


def _shared(value: Any) -> Any:
    """Answer a payload with the mere kind of each value that is a contender's own."""
    if isinstance(value, dict):
        return {
            name: _kind(inner) if name in OWN and not isinstance(inner, dict) else _shared(inner)
            for name, inner in value.items()
        }
    return [_shared(each) for each in value] if isinstance(value, list) else value


def _kind(value: Any) -> Any:
    return None if value is None else type(value).__name__
