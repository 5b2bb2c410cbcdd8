"""What the two handlers promise, tried on recorded fills with the engine's test kit."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from fill_handlers import WEBHOOK, raise_large_fill, tell_fill

from engine.events.export import read_export
from engine.events.trial import trial
from engine.events.trial_report import Ending
from engine.ledger.unit import Unit
from models.alert import Alert
from models.event import EventType

RECORDED = Path(__file__).with_name("recorded.jsonl")  # three fills, the second one is large


class Receiver(ThreadingHTTPServer):
    """A webhook that counts what it is told by key, and refuses as often as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.told: Counter[str] = Counter()
        self.refusals = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/fills"


class _Request(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take a fill."""
        self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.server.refusals > 0
        self.server.refusals -= refused
        if not refused:
            self.server.told[self.headers["Idempotency-Key"]] += 1
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A webhook that the handler finds."""
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(WEBHOOK, server.url)
        yield server
        server.shutdown()
        thread.join()


def test_a_large_fill_raises_one_alert_whenever_the_process_dies() -> None:
    """Run three times, it is in the ledger once; the smaller fills raise none."""

    async def one_alert(unit: Unit) -> None:
        [alert] = await unit.find(Alert)
        assert (alert.count, alert.title) == (1, "Large fill in AAPL")

    tried = trial([raise_large_fill], read_export(RECORDED), inspect=one_alert, crash_after_effect=True)
    report = asyncio.run(tried)
    assert [event.type for event in report.emitted] == [EventType.ALERT_RAISED]
    large = report.handled[1]
    assert [attempt.ending for attempt in large.attempts] == [Ending.DIED, Ending.HANDLED, Ending.HANDLED]
    assert report.emitted[0].causation_id == large.event.id


def test_a_repeated_fill_comes_with_the_same_key(receiver: Receiver) -> None:
    """The process dies after each call: the receiver is told of each fill twice, and can tell."""
    report = asyncio.run(trial([tell_fill], read_export(RECORDED), crash_after_effect=True))
    assert report.errors == ()
    assert receiver.told == Counter(dict.fromkeys(report.keys, 2))


def test_a_webhook_that_fails_is_told_again(receiver: Receiver) -> None:
    """Two refusals are two attempts, the third is taken."""
    receiver.refusals = 2
    report = asyncio.run(trial([tell_fill], read_export(RECORDED)))
    first = report.handled[0]
    assert [attempt.ending for attempt in first.attempts] == [Ending.FAILED, Ending.FAILED, Ending.HANDLED]
    assert receiver.told == Counter(report.keys)
