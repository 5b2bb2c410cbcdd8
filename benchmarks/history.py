"""Pages of the history at random depths of a long journal, through every filter, as the API reads them."""

import base64
import time
from random import Random

from benchmarks import journal
from benchmarks.filters import KINDS, Kind, Wanted
from benchmarks.plan import Plan
from benchmarks.publish import publish_one
from benchmarks.servers import Place
from benchmarks.table import Aim, Figure, print_aims, print_table
from engine.ledger.journal import last_position
from engine.ledger.reading import PageRequest, Scan, page
from engine.ledger.timeline import Timeline
from models.event import TradingEvent

PAGE = 50
AIM_MS = 10
MOST_S = 2.0  # spent on one filter in one direction; a slow one has fewer runs
FIRST_PAGES = 10  # one page in so many is the first one, the others lie at a random depth

DIRECTIONS = ("forwards", "backwards")


async def measure_history(place: Place, plan: Plan) -> None:
    """Fill a journal, read pages of it and print."""
    ledger = place.ledger()
    await ledger.open({})
    await ledger.close()
    begin = time.perf_counter()
    await journal.fill_journal(place, plan.history)
    filled_s = time.perf_counter() - begin
    ledger = place.ledger()
    await ledger.open({})
    try:
        await publish_one(ledger)
        if await last_position() != plan.history + 1:
            raise RuntimeError("the filled journal is not consistent with its head")
        figures = [await _pages(kind, direction, plan) for kind in KINDS for direction in DIRECTIONS]
    finally:
        await ledger.close()
    print_table(
        f"History: pages of {PAGE} of {plan.history:,} events, any depth ({place.title}; filled in {filled_s:.0f} s)",
        figures,
    )
    worst = max(figures, key=lambda figure: figure.quantile_ms(0.99))
    print_aims([Aim(f"worst p99, ms: {worst.name}", worst.quantile_ms(0.99), AIM_MS)])


async def _pages(kind: Kind, direction: str, plan: Plan) -> Figure:
    random, times, rows = Random(kind.name), list[float](), 0
    deadline = time.perf_counter() + MOST_S
    while len(times) < plan.runs and time.perf_counter() < deadline:
        wanted = kind.draw(random, plan.history)
        request = _request(random, direction, wanted)
        begin = time.perf_counter()
        query = await wanted.filter.narrow(TradingEvent.all(), Timeline())
        scan = Scan(plan.history) if wanted.filter.is_scan(of_one_user=False) else None
        found = await page(query, "position", request, scan=scan)
        times.append((time.perf_counter() - begin) * 1000)
        rows += len(found.rows)
    return Figure(f"{kind.name}, {direction}", times, AIM_MS, f"{rows / len(times):.0f} rows")


def _request(random: Random, direction: str, wanted: Wanted) -> PageRequest:
    """Answer a page before or after a random place; a client holds the place of a row as this text."""
    place = str(random.randint(wanted.first, wanted.last)).encode()
    cursor = (
        None if random.randrange(FIRST_PAGES) == 0 else base64.urlsafe_b64encode(place).decode().rstrip("=")
    )
    if direction == "forwards":
        return PageRequest(first=PAGE, after=cursor)
    return PageRequest(last=PAGE, before=cursor)
