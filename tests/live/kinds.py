"""Malformed frames and messages of every kind, and how each must be answered; sent by the scenario `malformed`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from tests.live.raw import BINARY, frame, handshake, message

QUERY = {"query": "{ __typename }"}
LIVE = {"query": "subscription { tradingState { state } }"}


class Stage(Enum):
    """How far a connection has come when something malformed is sent over it."""

    UNCONNECTED = auto()  # instead of the handshake
    CONNECTED = auto()  # before connection_init
    SIGNED_IN = auto()  # perhaps after others that were survived


@dataclass(frozen=True, slots=True)
class Kind:
    """What is sent, and the answer: a closing code, an HTTP status, or types of messages where the socket goes on."""

    sent: bytes
    answer: str
    stage: Stage = Stage.SIGNED_IN

    @property
    def is_survived(self) -> bool:
        """Whether the socket goes on."""
        return not self.answer[-1:].isdigit()


def text(payload: str) -> bytes:
    """A text frame."""
    return frame(payload.encode())


def _unmasked(payload: bytes) -> bytes:
    return bytes([0x81, len(payload)]) + payload


def _asked(query: str, **more: object) -> bytes:
    return message(type="subscribe", id="q", payload={"query": query} | more)


def _subscribed(payload: object) -> bytes:
    return message(type="subscribe", id="q", payload=payload)


CODES: Mapping[str, tuple[bytes, int]] = {  # on a signed-in socket; the code that must close it
    "empty": (text(""), 4400),
    "white space": (text(" \n"), 4400),
    "no JSON": (text("{"), 4400),
    "two JSON values": (text('{"type":"ping"}{"type":"ping"}'), 4400),
    "null": (text("null"), 4400),
    "true": (text("true"), 4400),
    "number": (text("5"), 4400),
    "text": (text('"x"'), 4400),
    "array": (text("[]"), 4400),
    "NaN": (text('{"type": "ping", "payload": {"n": NaN}}'), 4400),
    "deep nesting": (text("[" * 20_000), 4400),
    "deep nesting that is closed": (
        text('{"type":"ping","payload":{"x":' + "[" * 9_000 + "]" * 9_000 + "}}"),
        4400,
    ),
    "long integer": (text("9" * 20_000), 4400),
    "half a surrogate pair": (text('{"type": "ping", "payload": {"x": "\\ud800"}}'), 4400),
    "zero byte": (text('{"type": "pi\0ng"}'), 4400),
    "no type": (message(), 4400),
    "unknown type": (message(type="nonsense"), 4400),
    "type of another kind": (message(type=[]), 4400),
    "a server's type": (message(type="next", id="1", payload={}), 4400),
    "the old protocol's type": (message(type="start", id="1", payload=QUERY), 4400),
    "binary": (frame(b'{"type": "ping"}', BINARY), 4400),
    "id of another kind": (message(type="subscribe", id=5, payload=QUERY), 4400),
    "empty id": (message(type="subscribe", id="", payload=QUERY), 4400),
    "no id": (message(type="subscribe", payload=QUERY), 4400),
    "long id": (message(type="subscribe", id="x" * 1_000, payload=QUERY), 4400),
    "completing without an id": (message(type="complete"), 4400),
    "no payload": (message(type="subscribe", id="1"), 4400),
    "payload of another kind": (_subscribed([]), 4400),
    "query of another kind": (_subscribed({"query": 5}), 4400),
    "variables of another kind": (_subscribed(QUERY | {"variables": []}), 4400),
    "operation name of another kind": (_subscribed(QUERY | {"operationName": 5}), 4400),
    "extensions of another kind": (_subscribed(QUERY | {"extensions": "x"}), 4400),
    "ping of another kind": (message(type="ping", payload=5), 4400),
    "second init": (message(type="connection_init"), 4429),
    "id in use": (message(type="subscribe", id="1", payload=LIVE) * 2, 4409),
    "no UTF-8": (frame(b'{"type": "ping\xff"}'), 1007),
    "too long": (text("x" * 70_000), 1009),
    "said to be endless": (bytes([0x81, 0xFF]) + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0", 1009),
    "reserved bits": (frame(b"{}", first=0xF1), 1002),
    "unknown opcode": (frame(b"{}", first=0x83), 1002),
    "a part of nothing": (frame(b"{}", first=0x80), 1002),
    "parts of two messages": (frame(b'{"type":', first=0x01) + frame(b"{}", first=0x01), 1002),
    "parts that are no JSON": (frame(b'{"type":', first=0x01) + frame(b"]", first=0x80), 4400),
    "a control frame in parts": (frame(b"x", first=0x09), 1002),
    "long ping": (frame(b"x" * 200, first=0x89), 1002),
    "unmasked": (_unmasked(b'{"type":"ping"}'), 1002),
    "closing with half a code": (frame(b"\x03", first=0x88), 1002),
    "closing with a code of nobody's": (frame(b"\x00\x01", first=0x88), 1002),
}
MESSAGES: Mapping[
    str, tuple[bytes, str]
] = {  # on a signed-in socket that goes on; types of what is sent back
    "syntax error": (_asked("{"), "error"),
    "no operation": (_asked(""), "error"),
    "unknown field": (_asked("{ nonsense }"), "error"),
    "unknown operation name": (_asked("query A { __typename }", operationName="B"), "error"),
    "two operations, no name": (_asked("query A { __typename } query B { __typename }"), "error"),
    "two fields of a subscription": (
        _asked("subscription { events { __typename } health { status } }"),
        "error",
    ),
    "deep query": (_asked("{ a" * 80 + " }" * 80), "error"),
    "many tokens": (_asked("{ " + "__typename " * 5_000 + "}"), "error"),
    "many aliases": (_asked("{ " + " ".join(f"a{n}: __typename" for n in range(300)) + " }"), "error"),
    "missing variable": (_asked("query ($id: ID!) { event(id: $id) { id } }"), "error"),
    "completing what never began": (message(type="complete", id="nobody"), ""),
    "pong nobody asked for": (message(type="pong", payload={"x": 1}), ""),
    "members nobody knows": (text(json.dumps({"type": "pong", "x": [1, {"y": None}]})), ""),
}
EARLY: Mapping[str, tuple[bytes, int]] = {  # before connection_init
    "subscribe before init": (message(type="subscribe", id="1", payload=QUERY), 4401),
    "complete before init": (message(type="complete", id="1"), 4401),
    "no JSON before init": (text("{"), 4400),
    "binary before init": (frame(b"{}", BINARY), 4400),
    "init of another kind": (message(type="connection_init", payload=[]), 4400),
    "a token of nobody's": (message(type="connection_init", payload={"authorization": "Bearer x"}), 4403),
    "a token of another kind": (message(type="connection_init", payload={"authorization": 5}), 4403),
    "no token": (message(type="connection_init"), 4403),
}
HANDSHAKES: Mapping[str, tuple[bytes, str]] = {
    "wrong subprotocol": (handshake("graphql-ws"), "4406"),
    "wrong version": (handshake(version=7), "HTTP 400"),
    "wrong key": (handshake(key="x"), "HTTP 400"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP 400"),
}

KINDS: Mapping[str, Kind] = {
    **{name: Kind(sent, str(code)) for name, (sent, code) in CODES.items()},
    **{name: Kind(sent, types) for name, (sent, types) in MESSAGES.items()},
    **{name: Kind(sent, str(code), Stage.CONNECTED) for name, (sent, code) in EARLY.items()},
    **{name: Kind(sent, answer, Stage.UNCONNECTED) for name, (sent, answer) in HANDSHAKES.items()},
}
