"""Live delivery under faults and load, with real processes, in short; `make live` runs more of the same, with figures.

Each check is also shown to find the mistake it is there for.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.catalogue import SCENARIOS, Broken, Run, Scenario
from tests.live.followers import Record
from tests.live.judging import Truth, judge
from tests.live.report import Report
from tests.live.rounds import run_scenario
from tests.live.scale import SHORT, TINY, Scale
from tests.servers import ServerUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

SEED = 1
BROKEN = {f"{each.name}-{broken.name}": broken for each in SCENARIOS for broken in each.broken}


async def run(scenario: Run, folder: Path, scale: Scale) -> Report:
    """Answer what a scenario has shown; end the tests with one line where a server is missing."""
    try:
        return await run_scenario(scenario, folder, scale, SEED)
    except ServerUnavailable as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_subscribers_are_served(scenario: Scenario, tmp_path: Path, prepared_sqlite: Path) -> None:
    """No gap, no duplicate, nobody harmed by others, and nothing grows."""
    report = await run(scenario.run, tmp_path, replace(SHORT, prepared=str(prepared_sqlite)))
    assert report.is_clean, "\n".join(report.page(scenario.name))


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_the_check_finds_the_mistake(broken: Broken, tmp_path: Path, prepared_sqlite: Path) -> None:
    """The same scenario with a known mistake does not pass, and says why."""
    report = await run(broken.run, tmp_path, replace(TINY, prepared=str(prepared_sqlite)))
    assert broken.is_found(report), "\n".join(report.page(broken.name))


IDS = [f"evt_{number}" for number in range(5)]
MISTAKES = {
    "a missed event": ([*IDS[:2], *IDS[3:]], "1 events were missed"),
    "a missed last event": (IDS[:-1], "1 events were missed"),
    "an event seen twice": ([*IDS, IDS[-1]], "1 events came twice"),
    "events out of order": ([IDS[1], IDS[0], *IDS[2:]], "1 events came out of order"),
    "an event that was never committed": ([*IDS, "evt_ghost"], "1 events are not in the ledger"),
    "nothing at all": ([], "5 events were missed"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_judgement_finds_what_a_subscriber_saw_wrong(mistake: str) -> None:
    """Compared with the ledger, event by event; another subscriber who saw everything does not hide it."""
    ids, words = MISTAKES[mistake]
    report = Report()
    judge(report, Truth(IDS, IDS), [Record(ids=[*IDS]), Record(ids=ids)])
    assert report.complaints == [words]


def test_the_judgement_finds_an_order_without_an_event() -> None:
    """What was acknowledged is in the journal."""
    report = Report()
    judge(report, Truth(IDS, IDS, {"ord_1"}), [Record(ids=[*IDS])])
    assert report.complaints == ["1 acknowledged orders have no event"]


def test_the_judgement_passes_what_is_whole() -> None:
    """What was committed when subscribers were leaving may have come or not."""
    report = Report()
    truth = Truth(IDS, [*IDS, "evt_later", "evt_last"])
    judge(report, truth, [Record(ids=[*IDS, "evt_later"]), Record(ids=[*IDS])])
    assert report.is_clean
