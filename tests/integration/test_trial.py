"""Promises of the test kit: recorded events are handled as in an engine, in a ledger of which nothing remains."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.errors import LedgerError, RecordingError, SettingsError
from engine.events.handler import Handle, Handler, handles
from engine.events.handling import Handling
from engine.events.settlement import Outcome
from engine.events.trial import trial
from engine.events.trial_report import Ending, Handled
from engine.ledger.event import Event
from engine.ledger.job import Work
from engine.ledger.ledger import Ledger
from engine.ledger.unit import Unit
from models.event import EventType, TradingEvent
from models.user import User
from tests.ledgers import user_of
from tests.recorded import recorded

pytestmark = pytest.mark.anyio

FILLED, SIGNAL, TOLD = EventType.ORDER_FILLED, EventType.SIGNAL_GENERATED, EventType.USER_ACTION


class Outside:
    """What handlers do outside the ledger: kept, and failing as often as asked for."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[str] = []
        self._failures = failures

    async def call(self, event: Event, handling: Handling) -> None:
        """Take a call."""
        self.calls.append(handling.key)
        if len(self.calls) <= self._failures:
            raise ConnectionError("nobody is there")


async def note(event: Event, handling: Handling) -> None:
    """Record a fact exactly once."""
    await handling.commit(lambda unit: _tell(unit, event))


async def note_carelessly(event: Event, handling: Handling) -> None:
    """Record a fact past the mark."""
    await handling.ledger.write(lambda unit: _tell(unit, event))


async def _tell(unit: Unit, event: Event) -> None:
    unit.emit(TOLD, {"action": "noted"}, entity_id=event.entity_id, cause=event)


def named(handle: Handle, name: str = "desk.note", *types: EventType, most_attempts: int = 3) -> Handler:
    """A handler of fills, if no other types are given."""
    return handles(*(types or (FILLED,)), name=name, timeout_s=30, most_attempts=most_attempts)(handle)


def _in(folder: Path) -> Work[None]:
    async def inspect(unit: Unit) -> None:
        assert [path.name[:6] for path in folder.iterdir()] == ["trial-"]  # noqa: ASYNC240 - the test's own folder

    return inspect


def endings(handled: Handled) -> list[Ending]:
    """How its attempts ended."""
    return [attempt.ending for attempt in handled.attempts]


async def test_each_event_goes_to_each_handler_of_its_type_in_order() -> None:
    """One event after the other, each to one handler after the other; others are not told of it."""
    seen: list[tuple[str, str]] = []

    async def look(event: Event, handling: Handling) -> None:
        seen.append((event.id, handling.handler))

    handlers = [named(look, "b.fills"), named(look, "a.both", FILLED, SIGNAL)]
    report = await trial(handlers, [recorded(1), recorded(2, SIGNAL), recorded(3, TOLD), recorded(4)])
    wanted = [
        ("evt_1", "b.fills"),
        ("evt_1", "a.both"),
        ("evt_2", "a.both"),
        ("evt_4", "b.fills"),
        ("evt_4", "a.both"),
    ]
    assert seen == wanted
    assert [(each.event.id, each.handler) for each in report.handled] == wanted
    assert report.keys == tuple(f"{id}:{handler}" for id, handler in wanted)
    assert {each.outcome for each in report.handled} == {Outcome.HANDLED}
    assert [each.event.id for each in report.of("b.fills")] == ["evt_1", "evt_4"]


async def test_a_handler_is_given_the_event_as_it_was_recorded() -> None:
    """With its place in the journal it comes from; the event of the caller stays as it was."""
    seen: list[Event] = []

    async def look(event: Event, handling: Handling) -> None:
        seen.append(event)

    events = [recorded(7), recorded(3)]
    await trial([named(look)], events)
    assert seen == events == [recorded(7), recorded(3)]


async def test_what_fails_is_tried_again_at_once() -> None:
    """With the same key and the count of attempts; the report has each of them and what it failed of."""
    outside = Outside(failures=2)
    report = await trial([named(outside.call)], [recorded(1)])
    [handled] = report.handled
    assert endings(handled) == [Ending.FAILED, Ending.FAILED, Ending.HANDLED]
    assert [attempt.number for attempt in handled.attempts] == [1, 2, 3]
    assert handled.errors == report.errors == ("ConnectionError: nobody is there",) * 2
    assert outside.calls == [handled.key] * 3


async def test_what_fails_to_the_end_is_dead_and_the_next_event_is_handled() -> None:
    """As many attempts as the handler has, no more."""
    outside = Outside(failures=2)
    report = await trial([named(outside.call, most_attempts=2)], [recorded(1), recorded(2)])
    dead, handled = report.handled
    assert (endings(dead), dead.outcome) == ([Ending.FAILED, Ending.DEAD], Outcome.DEAD)
    assert report.dead == (dead,)
    assert (endings(handled), handled.outcome) == ([Ending.HANDLED], Outcome.HANDLED)


async def test_a_handler_that_takes_too_long_has_failed() -> None:
    """Its own time counts."""

    @handles(FILLED, name="desk.slow", timeout_s=0.01, most_attempts=1)
    async def wait(event: Event, handling: Handling) -> None:
        await asyncio.Event().wait()

    report = await trial([wait], [recorded(1)])
    assert report.errors == ("TimeoutError: not done within 0.01 s",)
    assert endings(report.handled[0]) == [Ending.DEAD]


async def test_what_handlers_emit_is_reported_and_handed_to_nobody() -> None:
    """By the attempt that emitted it, with its cause; a handler of that type is not called."""
    outside = Outside()
    report = await trial([named(note), named(outside.call, "desk.told", TOLD)], [recorded(1), recorded(2)])
    assert [(event.type, event.causation_id) for event in report.emitted] == [
        (TOLD, "evt_1"),
        (TOLD, "evt_2"),
    ]
    assert report.handled[0].attempts[0].emitted == report.emitted[:1]
    assert outside.calls == []


async def test_a_dead_letter_of_the_dispatcher_is_not_what_a_handler_emitted() -> None:
    """The fact that tells of it is the engine's own."""
    report = await trial([named(Outside(failures=1).call, most_attempts=1)], [recorded(1)])
    assert report.emitted == ()


async def test_a_committed_effect_is_there_once_whenever_the_process_dies() -> None:
    """Before its commit it is not there, after it not again."""

    async def once(unit: Unit) -> None:
        assert len(await unit.find(TradingEvent, type=TOLD)) == 2

    events = [recorded(1), recorded(2)]
    report = await trial([named(note)], events, crash_after_effect=True, inspect=once)
    for handled in report.handled:
        assert endings(handled) == [Ending.DIED, Ending.HANDLED, Ending.HANDLED]
        assert [len(attempt.emitted) for attempt in handled.attempts] == [0, 1, 0]
    assert report.errors == ()


async def test_an_effect_past_the_mark_is_there_twice_when_the_process_dies() -> None:
    """So a test that expects it once fails, as it should."""
    report = await trial([named(note_carelessly)], [recorded(1)], crash_after_effect=True)
    assert endings(report.handled[0]) == [Ending.DIED, Ending.HANDLED]
    assert [event.type for event in report.emitted] == [TOLD, TOLD]


async def test_an_effect_outside_is_repeated_with_its_key_when_the_process_dies() -> None:
    """Once after a handler that only acts outside, twice beside a commit."""
    outside = Outside()

    async def call_and_note(event: Event, handling: Handling) -> None:
        await outside.call(event, handling)
        await note(event, handling)

    handlers = [named(outside.call, "desk.call"), named(call_and_note, "desk.both")]
    report = await trial(handlers, [recorded(1)], crash_after_effect=True)
    assert outside.calls == ["evt_1:desk.call"] * 2 + ["evt_1:desk.both"] * 3
    assert len(report.emitted) == 1


async def test_no_handler_keeps_a_process_from_dying() -> None:
    """One that catches every exception does not notice."""

    async def careful(event: Event, handling: Handling) -> None:
        try:
            await note(event, handling)
        except Exception as error:
            raise AssertionError("it lives") from error

    report = await trial([named(careful)], [recorded(1)], crash_after_effect=True)
    assert report.errors == ()
    assert len(report.emitted) == 1


async def test_a_death_costs_an_attempt() -> None:
    """A handler with a single one is given up, as in an engine."""
    report = await trial([named(note, most_attempts=1)], [recorded(1)], crash_after_effect=True)
    assert endings(report.handled[0]) == [Ending.DIED]
    assert report.dead == report.handled
    assert report.emitted == ()


async def test_a_handler_that_fails_after_its_commit_is_done() -> None:
    """The effect is there: the dispatcher does not try again."""

    async def note_and_fail(event: Event, handling: Handling) -> None:
        await note(event, handling)
        raise ValueError("too late")

    report = await trial([named(note_and_fail)], [recorded(1)])
    assert endings(report.handled[0]) == [Ending.HANDLED]
    assert report.errors == ("ValueError: too late",)


async def test_rows_are_prepared_before_and_looked_at_after() -> None:
    """What `inspect` raises is raised."""
    found: list[Sequence[User]] = []

    async def prepare(unit: Unit) -> None:
        await unit.insert(user_of("ana"))

    async def rename(event: Event, handling: Handling) -> None:
        async def work(unit: Unit) -> None:
            user = await unit.lock_user("usr_ana")
            user.name = "anna"
            await unit.save(user, "name")

        await handling.commit(work)

    async def inspect(unit: Unit) -> None:
        found.append(await unit.find(User, id="usr_ana"))
        raise AssertionError("as a test would")

    with pytest.raises(AssertionError, match="as a test would"):
        await trial([named(rename)], [recorded(1)], prepare=prepare, inspect=inspect)
    assert [user.name for user in found[0]] == ["anna"]


async def test_an_event_that_comes_twice_is_an_error() -> None:
    """A recording has each once."""
    with pytest.raises(RecordingError, match="evt_1 comes twice"):
        await trial([named(note)], [recorded(1), recorded(1)])


async def test_two_handlers_of_one_name_are_an_error() -> None:
    """As at the start of an engine."""
    with pytest.raises(SettingsError, match=r"desk\.note"):
        await trial([named(note), named(note_carelessly)], [])


def test_nothing_remains_of_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is gone, also when something was raised."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asyncio.run(trial([named(note)], [recorded(1)], inspect=_in(tmp_path)))
    with pytest.raises(RecordingError):
        asyncio.run(trial([named(note)], [recorded(1), recorded(1)]))
    assert list(tmp_path.iterdir()) == []


async def test_a_ledger_that_is_open_already_is_left_alone(sqlite_ledger: Ledger) -> None:
    """A process has one at a time: the trial is refused, the ledger reads and writes on."""
    with pytest.raises(LedgerError):
        await trial([named(note)], [recorded(1)])
    assert await TradingEvent.all().count() == 0
    await sqlite_ledger.write(lambda unit: _tell(unit, recorded(1)))
    assert await TradingEvent.all().count() == 1
