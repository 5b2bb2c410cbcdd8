"""Compares what subscribers have seen with the ledger, event by event; used by the scenarios of faults."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.live.followers import Record
from tests.live.report import Report


@dataclass(frozen=True, slots=True)
class Truth:
    """What the ledger says: ids that everybody had to see, and all ids, read when the last subscriber had gone."""

    due: Sequence[str]
    all: Sequence[str]
    unwritten: set[str] = field(default_factory=set)  # acknowledged, and not in the journal


def judge(report: Report, truth: Truth, records: Sequence[Record]) -> None:
    """Expect that nothing is missing, nothing came twice, nothing was made up, and all came in the order of commits."""
    place = {event_id: at for at, event_id in enumerate(truth.all)}
    gaps = doubled = disordered = invented = 0
    strange: Counter[str] = Counter()
    for record in records:
        known = [event_id for event_id in record.ids if event_id in place]
        gaps += len(set(truth.due) - set(known))
        doubled += len(record.ids) - len(set(record.ids))
        disordered += sum(place[a] > place[b] for a, b in pairwise(known))
        invented += len(record.ids) - len(known)
        strange += record.strange
    refreshes = sum(record.refreshes for record in records)
    report.sum_up("delivered", sum(len(record.ids) for record in records))
    report.sum_up("gaps", gaps)
    report.sum_up("doubled", doubled)
    counts = sorted(len(record.ids) for record in records)
    report.tell("events each had to see", len(truth.due))
    report.tell("subscribers", f"{len(records)}, of whom each got {counts[0]:,} to {counts[-1]:,}")
    report.tell("told Lagged, RefreshRequired", f"{sum(record.lagged for record in records)}, {refreshes}")
    report.expect(not truth.unwritten, f"{len(truth.unwritten)} acknowledged orders have no event")
    report.expect(gaps == 0, f"{gaps} events were missed")
    report.expect(doubled == 0, f"{doubled} events came twice")
    report.expect(disordered == 0, f"{disordered} events came out of order")
    report.expect(invented == 0, f"{invented} events are not in the ledger")
    report.expect(refreshes == 0, f"told to refresh {refreshes} times")
    for words, count in strange.most_common(5):
        report.complaints.append(f"a subscriber got: {words} ({count} times)")
