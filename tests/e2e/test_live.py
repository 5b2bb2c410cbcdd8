"""Live delivery under faults and load, with real processes, in short; `make live` runs more of the same, with figures.

Each check is also shown to find the mistake it is there for.
"""

from pathlib import Path
from random import Random

import pytest

from tests.live.catalogue import SCENARIOS, Run, Scenario
from tests.live.faults import judge
from tests.live.followers import Record
from tests.live.report import Report
from tests.live.scale import SHORT

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

BROKEN = [(f"{scenario.name}-{name}", run) for scenario in SCENARIOS for name, run in scenario.broken]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_subscribers_are_served(scenario: Scenario, tmp_path: Path) -> None:
    """No gap, no duplicate, nobody harmed by others, and nothing grows."""
    report = await scenario.run(tmp_path, SHORT, Random(1))
    assert report.is_clean, f"{report.complaints}: {report.words()}"


@pytest.mark.parametrize("run", [run for _, run in BROKEN], ids=[name for name, _ in BROKEN])
async def test_the_check_finds_the_mistake(run: Run, tmp_path: Path) -> None:
    """The same scenario with a known mistake does not pass."""
    report = await run(tmp_path, SHORT, Random(1))
    assert not report.is_clean


IDS = [f"evt_{number}" for number in range(5)]
MISTAKES = {
    "a missed event": ([*IDS[:2], *IDS[3:]], "1 events were missed"),
    "an event seen twice": ([*IDS, IDS[-1]], "1 events came twice"),
    "events out of order": ([IDS[1], IDS[0], *IDS[2:]], "1 events came out of order"),
    "nothing at all": ([], "5 events were missed"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_judgement_finds_what_a_subscriber_saw_wrong(mistake: str) -> None:
    """Compared with the ledger, event by event; another subscriber who saw everything does not hide it."""
    ids, words = MISTAKES[mistake]
    report = Report()
    judge(report, IDS, [Record(ids=[*IDS]), Record(ids=ids)])
    assert report.complaints == [words]


def test_the_judgement_passes_what_is_whole() -> None:
    """What came after the ledger was read is no mistake."""
    report = Report()
    judge(report, IDS, [Record(ids=[*IDS, "evt_later"])])
    assert report.is_clean
