"""Scenario: thousands of malformed frames of every kind; each is answered as it must be, and nobody else notices."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import orjson

from tests.live.house import House, open_house
from tests.live.kinds import KINDS, Kind, Stage
from tests.live.publishing import Publishing
from tests.live.raw import CLOSE, SWITCHING, TEXT, RawSocket, message
from tests.live.report import Report, in_ms, p99
from tests.live.scale import Scale
from tests.live.watching import watching

AT_A_TIME = 8
WATCHERS = 5
ANSWERED_WITHIN_S = 20.0  # a bound for a busy machine
NOTHING = "nothing"
SHOWN_COMPLAINTS = 5

Answers = Counter[tuple[str, str]]  # by kind and answer


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Compare turns with the attack to turns without; count answers, crashes and tracebacks."""
    alone, beside, answers = list[float](), list[float](), Answers()
    async with open_house(folder, odd=broken, prepared=scale.prepared) as house:
        officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
        pid = house.engine.pid
        publishing = Publishing(house, trader, scale.orders_per_s)
        async with publishing.going_on(), watching(house.engine.port, officer, WATCHERS) as watchers:
            await publishing.begun()
            for turn in range(scale.turns):
                alone += await watchers.timed(asyncio.sleep(scale.turn_s))
                frames = scale.frames // scale.turns + (turn < scale.frames % scale.turns)
                beside += await watchers.timed(_attack(house, trader, frames, random, answers))
            await publishing.end()
        lives = house.engine.is_running and house.engine.pid == pid
        log = house.engine.log
    report = Report()
    report.sum_up("injected", answers.total())
    report.sum_up("acknowledged", len(publishing.acknowledged))
    report.sum_up("delivered", len(alone) + len(beside))
    report.sum_up("crashes", int(not lives))
    tracebacks = log.count("Traceback (most recent call last)") + log.count('"exception"')
    report.sum_up("tracebacks", tracebacks)
    report.sum_up("delivery p99", f"{p99(beside)}, without the attack {p99(alone)}")
    report.tell("others p50/p99/max beside it", f"{in_ms(beside)} of {len(beside):,}")
    report.tell("others p50/p99/max without", f"{in_ms(alone)} of {len(alone):,}")
    _tell_answers(report, answers)
    report.expect(lives, "the engine has died")
    report.expect(tracebacks == 0, f"{tracebacks} tracebacks in the log")
    report.expect(watchers.lost == 0, f"{watchers.lost} other sockets were lost")
    report.expect(bool(alone and beside), "nothing was delivered")
    return report


def _tell_answers(report: Report, answers: Answers) -> None:
    """Tell how often which answer was given and to which kinds, and complain of each that is not as it must be."""
    by_answer: dict[str, list[str]] = {}
    for (kind, answer), _ in sorted(answers.items()):
        by_answer.setdefault(answer, []).append(kind)
    for answer, kinds in sorted(by_answer.items()):
        count = sum(answers[kind, answer] for kind in kinds)
        report.tell(f"answered {answer or 'by going on'}", f"{count:,}: {', '.join(kinds)}")
    wrong = Answers({each: n for each, n in answers.items() if each[1] != KINDS[each[0]].answer})
    for (kind, answer), count in wrong.most_common(SHOWN_COMPLAINTS):
        report.complaints.append(f"{kind}: {answer} instead of {KINDS[kind].answer} ({count} times)")


async def _attack(house: House, token: str, frames: int, random: Random, answers: Answers) -> None:
    """Send frames of all kinds in a random order, several at a time; what is survived leaves its socket to the next."""
    kinds = list(KINDS)
    left = [kinds[number % len(kinds)] for number in range(frames)]
    random.shuffle(left)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(_send_on(house.engine.port, token, left, answers))


async def _send_on(port: int, token: str, left: list[str], answers: Answers) -> None:
    kept: RawSocket | None = None
    while left:
        name = left.pop()
        kind = KINDS[name]
        socket = kept if kind.stage is Stage.SIGNED_IN else None
        kept, answer = None if socket is kept else kept, NOTHING
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                socket = socket or await _opened(port, token, kind.stage)
                answer = await _answer(socket, kind)
        except OSError:  # no connection, or nothing came in time
            pass
        answers[name, answer] += 1
        if socket is not None and kind.is_survived and answer == kind.answer:
            kept = socket
        elif socket is not None:
            socket.abort()
    if kept is not None:
        kept.abort()


async def _opened(port: int, token: str, stage: Stage) -> RawSocket:
    if stage is Stage.UNCONNECTED:
        return await RawSocket.open(port)
    if stage is Stage.CONNECTED:
        return await RawSocket.connect(port)
    return await RawSocket.signed_in(port, token)


async def _answer(socket: RawSocket, kind: Kind) -> str:
    """Send it; answer the code that closed the socket, the HTTP status, or what came before a socket that goes on."""
    socket.writer.write(kind.sent)
    if kind.stage is Stage.UNCONNECTED:
        try:
            status = await socket.status()
        except ConnectionError:
            return "1006"
        if status != SWITCHING:
            return f"HTTP {status}"
    if kind.is_survived:
        return await _types_sent(socket, kind)
    return str(await socket.close_code())


async def _types_sent(socket: RawSocket, kind: Kind) -> str:
    """Answer the types of the messages that an operation is answered with; or of those before a pong, asked for now."""
    if not kind.answer:
        socket.writer.write(message(type="ping"))
    types: list[str] = []
    try:
        while not types or types[-1] not in ("error", "complete", "pong"):
            types.append((await _message(socket))["type"])
    except ConnectionError as closed:
        return str(closed)
    return " ".join(type_ for type_ in types if type_ != "pong")


async def _message(socket: RawSocket) -> Any:
    opcode, payload = await socket.receive()
    if opcode == CLOSE:
        raise ConnectionError(int.from_bytes(payload[:2]))
    assert opcode == TEXT
    return orjson.loads(payload)
