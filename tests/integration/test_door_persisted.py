"""Documents named by their hash: sent once, known to everybody, and worth nothing to who may not run them."""

import hashlib
import json
from typing import Any

import pytest

from gql import persisted
from models.user import Role
from tests.integration.door import Door

pytestmark = pytest.mark.anyio

ME = "query Me { me { name } }"
DEAD = "{ deadLetters { edges { cursor } } }"


def named(query: str, **changes: Any) -> dict[str, Any]:
    """The extensions of a request that names a document."""
    return {
        "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()} | changes
    }


async def test_a_document_is_known_once_it_was_sent(door: Door) -> None:
    """Unknown, sent with its hash, and then by the hash alone: by POST, by GET, over a socket, and by somebody else."""
    async with door.signed_in("ann") as ann, door.signed_in("bob") as bob:
        unknown = await ann.http.post("/graphql", json={"extensions": named(ME)})
        assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        assert unknown.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        sent = await ann.http.post("/graphql", json={"query": ME, "extensions": named(ME)})
        assert sent.json() == {"data": {"me": {"name": "ann"}}}
        known = await bob.http.post("/graphql", json={"extensions": named(ME)})
        assert known.json() == {"data": {"me": {"name": "bob"}}}
        got = await bob.http.get("/graphql", params={"extensions": json.dumps(named(ME))})
        assert got.json() == {"data": {"me": {"name": "bob"}}}
    async with door.socket(await door.token("ann")) as socket:
        await socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": named(ME)}})
        assert await socket.next("1", "me") == {"name": "ann"}


async def test_a_hash_is_no_right(door: Door) -> None:
    """What an operator has made known is refused to a trader as ever."""
    async with door.signed_in("otto", Role.OPERATOR) as otto, door.signed_in("ann") as ann:
        await otto.http.post("/graphql", json={"query": DEAD, "extensions": named(DEAD)})
        refused = await ann.http.post("/graphql", json={"extensions": named(DEAD)})
        assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"query": ME, "extensions": named(DEAD)}, "is not the SHA-256 of the query"),
        ({"extensions": named(ME, version=2)}, "must be an object of version 1"),
        ({"extensions": {"persistedQuery": "x"}}, "must be an object of version 1"),
        ({"extensions": named(ME, sha256Hash="x" * 64)}, "must be 64 hexadecimal digits"),
        ({"extensions": named(ME, sha256Hash=None)}, "must be 64 hexadecimal digits"),
        ({"extensions": {}}, "query: must be a string"),
        ({"query": 5, "extensions": named(ME)}, "query: must be a string"),
    ],
)
async def test_what_names_nothing_is_refused(door: Door, body: dict[str, Any], said: str) -> None:
    """In words that name the member and the rule."""
    async with door.signed_in() as client:
        answer = await client.http.post("/graphql", json=body)
    (error,) = answer.json()["errors"]
    assert said in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_is_kept_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one asked for longest ago goes; long documents are run and not kept."""
    monkeypatch.setattr(persisted, "MOST_KEPT", 2)
    queries = [f"query Q{number} {{ me {{ name }} }}" for number in range(3)]
    long = "{ me { name } } #" + "x" * persisted.LONGEST_KEPT
    async with door.signed_in() as client:
        for query in (*queries, long):
            sent = await client.http.post("/graphql", json={"query": query, "extensions": named(query)})
            assert sent.json() == {"data": {"me": {"name": "ann"}}}
        known = [
            "data" in (await client.http.post("/graphql", json={"extensions": named(query)})).json()
            for query in (*queries, long)
        ]
    assert known == [False, True, True, False]
