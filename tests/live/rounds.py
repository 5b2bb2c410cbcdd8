"""Runs one scenario within a limit of time and makes a report of whatever happens; called by command line and tests."""

import asyncio
from pathlib import Path
from random import Random

from tests.live.catalogue import Run
from tests.live.report import Report
from tests.live.scale import Scale
from tests.servers import ServerUnavailable

LIMIT_S = 900.0  # of a whole scenario; the longest takes a few minutes


async def run_scenario(run: Run, folder: Path, scale: Scale, seed: int) -> Report:
    """Answer what a scenario has shown; what breaks it is a complaint. Raises ServerUnavailable."""
    limit = asyncio.timeout(LIMIT_S)
    try:
        async with limit:
            return await run(folder, scale, Random(seed))
    except ServerUnavailable:
        raise
    except TimeoutError:
        over = f"did not end within {LIMIT_S:g} s" if limit.expired() else "an answer did not come in time"
        return Report(complaints=[over])
    except Exception as error:  # an engine that does not start, a connection that nobody was to lose
        return Report(complaints=[_words(error)])


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".partition("\n")[0]
