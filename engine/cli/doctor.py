"""Looks at everything a start needs, one line each; `trading-engine doctor`."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.cli.local import find_local
from engine.desk.desk import FeedPlan
from engine.errors import EngineError, MarketDataError
from engine.market.csv_file import read_steps
from engine.market.instruments import read_instruments
from engine.runtime import Engine
from engine.settings import Settings

LEAST_FREE_BYTES = 1_000_000_000
REDIS_TIMEOUT_S = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and how it is."""

    subject: str
    ok: bool
    words: str


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed but a ledger's tables, which any start would bring up to date."""
    version = ".".join(map(str, sys.version_info[:3]))
    return [
        Finding("Python", True, version),
        _disk(settings.data_dir),
        await _ledger(settings),
        await _wire(settings),
        _prices(settings),
    ]


def _disk(data_dir: Path) -> Finding:
    folder = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Finding("disk", free > LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB are free for {data_dir}")


async def _ledger(settings: Settings) -> Finding:
    if not settings.is_postgres and (running := find_local(settings.data_dir)):
        return Finding("ledger", True, f"in use by the engine at {running.url}, process {running.pid}")
    engine = Engine(settings)
    try:
        await engine.open_ledger()
        probe_s = await engine.ledger.probe()
        return Finding("ledger", True, f"{engine.ledger.place}, a write takes {probe_s * 1000:.1f} ms")
    except EngineError as error:
        return Finding("ledger", False, str(error))
    finally:
        await engine.close()


async def _wire(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("wire", True, "in-process")
    try:
        async with Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_connect_timeout=REDIS_TIMEOUT_S,
            socket_timeout=REDIS_TIMEOUT_S,
        ) as redis:
            await redis.ping()
    except (RedisError, OSError, ValueError) as error:
        return Finding("wire", False, f"redis does not answer: {type(error).__name__}")
    return Finding("wire", True, "redis answers")


def _prices(settings: Settings) -> Finding:
    plan = FeedPlan.of(settings.replay, settings.instruments, settings.speed, settings.currency)
    try:
        steps = read_steps(plan.prices)
        read_instruments(plan.instruments)
    except (MarketDataError, OSError) as error:
        return Finding("prices", False, str(error))
    return Finding("prices", True, f"{plan.prices}: {len(steps)} market times")
