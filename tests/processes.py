"""Other processes of the product's own kind, run by the tests."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 120.0  # a process that has not ended by then hangs


async def run_worker(*arguments: str) -> str:
    """Run `tests.ledger_worker` to its end and answer its last line; an end in error is an error here."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ledger_worker",
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complained.decode()
    return said.decode().rstrip("\n").rsplit("\n", 1)[-1]
