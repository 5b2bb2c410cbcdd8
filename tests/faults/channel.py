"""The worker's side of its two pipes: what it says to the harness, and the commands that come back."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

STDOUT = 1


def say(*words: object) -> None:
    """Say one line. Once this returns it is in the pipe, where no kill of this process can reach it."""
    os.write(STDOUT, (" ".join(map(str, words)) + "\n").encode())


async def commands() -> AsyncIterator[list[str]]:
    """Hand out the harness's commands until it says stop or has gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (words := (await reader.readline()).decode().split()) and words != ["stop"]:
        yield words


def in_one_word(error: BaseException) -> str:
    """Answer an error as words that fit one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
