"""Scenario: thousands of malformed frames of every kind; each is answered by a code, and nobody else notices."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.live.house import House, open_house
from tests.live.publishing import Publishing
from tests.live.raw import BINARY, RawSocket, frame, message
from tests.live.report import Report, in_ms
from tests.live.scale import Scale
from tests.live.watching import Watchers, watching

AT_A_TIME = 8
WATCHERS = 5
QUERY = {"query": "{ __typename }"}
LIVE = {"query": "subscription { tradingState { state } }"}


def text(payload: str) -> bytes:
    """A text frame."""
    return frame(payload.encode())


# What is sent after the acknowledgement, and the code that must close the socket.
KINDS: Mapping[str, tuple[bytes, int]] = {
    "empty": (text(""), 4400),
    "no JSON": (text("{"), 4400),
    "null": (text("null"), 4400),
    "number": (text("5"), 4400),
    "text": (text('"x"'), 4400),
    "array": (text("[]"), 4400),
    "NaN": (text('{"type": "ping", "payload": {"n": NaN}}'), 4400),
    "deep nesting": (text("[" * 20_000), 4400),
    "long integer": (text("9" * 20_000), 4400),
    "half a surrogate pair": (text('{"type": "ping", "payload": {"x": "\\ud800"}}'), 4400),
    "no type": (message(), 4400),
    "unknown type": (message(type="nonsense"), 4400),
    "type of another kind": (message(type=[]), 4400),
    "a server's type": (message(type="next", id="1", payload={}), 4400),
    "binary": (frame(b'{"type": "ping"}', BINARY), 4400),
    "id of another kind": (message(type="subscribe", id=5, payload=QUERY), 4400),
    "no id": (message(type="subscribe", payload=QUERY), 4400),
    "long id": (message(type="subscribe", id="x" * 1_000, payload=QUERY), 4400),
    "payload of another kind": (message(type="subscribe", id="1", payload=[]), 4400),
    "query of another kind": (message(type="subscribe", id="1", payload={"query": 5}), 4400),
    "variables of another kind": (message(type="subscribe", id="1", payload=QUERY | {"variables": []}), 4400),
    "ping of another kind": (message(type="ping", payload=5), 4400),
    "second init": (message(type="connection_init"), 4429),
    "id in use": (message(type="subscribe", id="1", payload=LIVE) * 2, 4409),
    "no UTF-8": (frame(b'{"type": "ping\xff"}'), 1007),
    "too long": (text("x" * 70_000), 1009),
    "reserved bits": (frame(b"{}", first=0xF1), 1002),
    "unknown opcode": (frame(b"{}", first=0x83), 1002),
    "a part of nothing": (frame(b"{}", first=0x80), 1002),
    "long ping": (frame(b"x" * 200, first=0x89), 1002),
}


async def run(folder: Path, scale: Scale, random: Random, broken: str = "") -> Report:
    """Compare a while with the attack to one without; count answers, crashes and tracebacks."""
    report = Report()
    async with open_house(folder, odd=broken) as house:
        officer, trader = await house.token("otto", "OPERATOR"), await house.token("ann")
        publishing = Publishing(house, trader, scale.orders_per_s)
        sending, pid = asyncio.create_task(publishing.run()), house.engine.pid
        try:
            async with watching(house.engine.port, officer, WATCHERS) as watchers:
                await asyncio.sleep(scale.silent_s / 3)
                alone = [*watchers.delays_s]
                watchers.delays_s.clear()
                wrong = await _attack(house, trader, scale.frames, random)
                beside = [*watchers.delays_s]
        finally:
            publishing.stop()
            await sending
        lives = house.engine.is_running and house.engine.pid == pid
        tracebacks = house.engine.log.count("Traceback (most recent call last)")
        tracebacks += house.engine.log.count('"exception"')
    report.tell("frames", scale.frames)
    report.tell("kinds", len(KINDS))
    report.tell("answered otherwise", sum(wrong.values()))
    report.tell("crashes", int(not lives))
    report.tell("tracebacks", tracebacks)
    report.tell("others p50/p99 alone", in_ms(alone))
    report.tell("others p50/p99 beside", in_ms(beside))
    for words, count in wrong.most_common(5):
        report.complaints.append(f"{words} ({count} times)")
    report.expect(lives, "the engine has died")
    report.expect(tracebacks == 0, f"{tracebacks} tracebacks in the log")
    report.expect(watchers.lost == 0, f"{watchers.lost} other sockets were lost")
    report.expect(bool(alone and beside), "nothing was delivered")
    return report


async def _attack(house: House, token: str, frames: int, random: Random) -> Counter[str]:
    """Send frames of random kinds, each over a connection of its own; answer what was answered otherwise."""
    wrong: Counter[str] = Counter()
    kinds = list(KINDS)
    left = [kinds[number % len(kinds)] for number in range(frames)]
    random.shuffle(left)

    async def send_on() -> None:
        while left:
            kind = left.pop()
            sent, expected = KINDS[kind]
            socket = await RawSocket.connect(house.engine.port)
            await socket.sign_in(token)
            socket.writer.write(sent)
            code = await socket.close_code()
            socket.abort()
            if code != expected:
                wrong[f"{kind}: {code} instead of {expected}"] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(send_on())
    return wrong


__all__ = ["KINDS", "Watchers", "run"]
