"""The messages of the protocol graphql-transport-ws, read from a client's frames and written for the server's.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import GraphQLError

from gql.operations import OperationRequest
from gql.responses import decoded, encoded

PROTOCOL = "graphql-transport-ws"
LONGEST_ID = 128  # characters

Payload: TypeAlias = Mapping[str, Any] | None


class InvalidMessage(Exception):
    """A frame that is no message of the protocol, in words for who sent it."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The client's first word: who it is."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping, or says unasked that the client lives."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Begins an operation under an id of the client's choice."""

    id: str
    request: OperationRequest


@dataclass(frozen=True, slots=True)
class Complete:
    """Ends an operation."""

    id: str


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete

NEXT_SUFFIX = b"}"
ACKNOWLEDGED = b'{"type":"connection_ack"}'


def read_message(frame: str) -> ClientMessage:
    """Read a client's message. Raises InvalidMessage, which names the member and the rule."""
    try:
        said = decoded(frame.encode())
    except ValueError:  # also of half a surrogate pair, which is no text
        raise InvalidMessage("a message is JSON, without NaN and Infinity") from None
    if not isinstance(said, dict):
        raise InvalidMessage("a message is an object with a string `type`")
    match said.get("type"):
        case "subscribe":
            return Subscribe(_id_of(said), _request_of(said))
        case "complete":
            return Complete(_id_of(said))
        case "ping":
            return Ping(_payload_of(said))
        case "pong":
            return Pong(_payload_of(said))
        case "connection_init":
            return ConnectionInit(_payload_of(said))
        case str():
            raise InvalidMessage("type: is not one of the protocol")
        case _:
            raise InvalidMessage("a message is an object with a string `type`")


def next_prefix(operation_id: str) -> bytes:
    """Answer what stands before every result of an operation; behind it stands NEXT_SUFFIX."""
    return encoded({"id": operation_id, "type": "next"})[:-1] + b',"payload":'


def error_message(operation_id: str, errors: list[dict[str, Any]]) -> bytes:
    """Answer the frame that ends an operation which could not be run."""
    return encoded({"id": operation_id, "type": "error", "payload": errors})


def complete_message(operation_id: str) -> bytes:
    """Answer the frame that ends an operation which is done."""
    return encoded({"id": operation_id, "type": "complete"})


def pong_message(payload: Payload) -> bytes:
    """Answer the frame that answers a ping, with the ping's own payload."""
    return encoded({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def _id_of(said: dict[str, Any]) -> str:
    operation_id = said.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise InvalidMessage("id: must be a string that is not empty")
    if len(operation_id) > LONGEST_ID:
        raise InvalidMessage(f"id: must have at most {LONGEST_ID} characters")
    return operation_id


def _request_of(said: dict[str, Any]) -> OperationRequest:
    try:
        return OperationRequest.of(said.get("payload"))
    except GraphQLError as error:
        raise InvalidMessage(f"payload of subscribe: {error.message}") from None


def _payload_of(said: dict[str, Any]) -> Payload:
    payload = said.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise InvalidMessage(f"payload of {said['type']}: must be an object or null")
    return payload
