"""What the door refuses over HTTP, how, and what it leaves behind: nothing but an audit entry."""

import gzip
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.audit import AuditEntry
from models.order import Order
from tests.integration.door import SUBMIT, Door, an_order, running_door

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A door for tests that leave nothing behind but audit entries."""
    async with running_door(tmp_path_factory.mktemp("door")) as running:
        yield running


@pytest.mark.parametrize(
    "authorization", [None, "Bearer nonsense", f"Bearer qlt_{'A' * 43}", "Basic eDp5", ""]
)
async def test_nobody_gets_in_without_a_proof(shared: Door, authorization: str | None) -> None:
    """Every kind of missing or worthless proof is answered alike, introspection included."""
    headers = {} if authorization is None else {"authorization": authorization}
    async with shared.client() as client:
        response = await client.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.status_code == 401
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "data" not in response.json()


MALFORMED = [
    (b"null", 400),
    (b"5", 400),
    (b'"x"', 400),
    (b"[]", 400),
    (b"{", 400),
    (b"", 400),
    (b"\xff\xfe", 400),
    (b'{"query": NaN}', 400),
    (b'{"query": "{__typename}", "variables": {"x": Infinity}}', 400),
    (b'{"query": "{__typename}", "variables": []}', 400),
    (b"[" * 100_000, 400),
    (b"9" * 20_000, 400),
    (b'[{"query": "{__typename}"}]', 400),
    (b'{"query": "{__typename}", "extensions": 5}', 400),
    (b'{"query": "{__typename}", "operationName": {}}', 400),
    (b'{"query": null}', 400),
    (b'{"query": "' + b"x" * 300_000 + b'"}', 413),
]


@pytest.mark.parametrize(("body", "status"), MALFORMED, ids=[repr(body[:24]) for body, _ in MALFORMED])
async def test_malformed_bodies_are_refused_politely(shared: Door, body: bytes, status: int) -> None:
    """Whatever bytes come, the answer is a coded refusal, never a 500."""
    async with shared.signed_in() as client:
        response = await client.http.post(
            "/graphql", content=body, headers={"content-type": "application/json"}
        )
    assert response.status_code == status
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "LIMIT_EXCEEDED"}


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/stream"])
async def test_other_methods_run_nothing(shared: Door, method: str, path: str) -> None:
    """Not even HEAD: it would be carried out and nobody would hear of it. The answer names what is allowed."""
    body = {"query": SUBMIT, "variables": {"input": an_order(clientOrderId=f"{method}-{path[-6:]}")}}
    async with shared.signed_in() as client:
        refused = await client.http.request(method, path, json=body)
        asked = await client.ask("{ orders { edges { node { clientOrderId } } } }")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "POST"})
    if method != "HEAD":
        assert refused.json()["errors"][0]["message"].startswith(f"{method}: this address takes")
    assert f"{method}-" not in str(asked)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ("text/*", 200),
        ("TEXT/Event-Stream", 200),
        ("text/plain, text/event-stream;q=0.1", 200),
        ("text/event-stream;q=0", 406),
        ("application/json", 406),
    ],
)
async def test_a_stream_goes_to_who_accepts_one(shared: Door, accept: str, status: int) -> None:
    """By name, by a range, or because nothing was said."""
    async with shared.signed_in() as client:
        answer = await client.http.post(
            "/graphql/stream", json={"query": "{ me { name } }"}, headers={"accept": accept}
        )
    assert answer.status_code == status


async def test_a_packed_body_is_refused_by_its_encoding(shared: Door) -> None:
    """Not taken for bad JSON: who sent it must know what to change."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    async with shared.signed_in() as client:
        refused = await client.http.post("/graphql", content=gzip.compress(b"{}"), headers=headers)
    assert refused.status_code == 415
    assert "gzip" in refused.json()["errors"][0]["message"]


async def test_only_json_is_taken(shared: Door) -> None:
    """A form of another page cannot give commands."""
    async with shared.signed_in() as client:
        response = await client.http.post("/graphql", data={"query": "{ __typename }"})
    assert response.status_code == 415


OPERATIONS = [
    ("{ health {", "GRAPHQL_PARSE_FAILED"),
    ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
    ("query A { __typename } query B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ("fragment f on Query { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ " + "a: __typename " * 2_000 + "}", "LIMIT_EXCEEDED"),
    ("{ " + " ".join(f"a{n}: health {{ score }}" for n in range(100)) + " }", "LIMIT_EXCEEDED"),
    ("{ orders(first: 0) { pageInfo { endCursor } } }", "BAD_USER_INPUT"),
    ("{ orders(first: 101) { pageInfo { endCursor } } }", "BAD_USER_INPUT"),
    ('{ orders(after: "nonsense") { pageInfo { endCursor } } }', "BAD_USER_INPUT"),
    ('{ orders(filter: { symbol: "" }) { pageInfo { endCursor } } }', "BAD_USER_INPUT"),
    ('{ order(id: "\\u0000") { id } }', "BAD_USER_INPUT"),
    ("subscription { health { score } }", "BAD_USER_INPUT"),
]


@pytest.mark.parametrize(("query", "code"), OPERATIONS, ids=[query[:40] for query, _ in OPERATIONS])
async def test_faulty_operations_carry_a_code(shared: Door, query: str, code: str) -> None:
    """Each step has its code, and the draft's media type says 400 where nothing was executed."""
    async with shared.signed_in() as client:
        answer = await client.answer(query)
        assert answer["errors"][0]["extensions"]["code"] == code
        response = await client.http.post(
            "/graphql", json={"query": query}, headers={"accept": "application/graphql-response+json"}
        )
        executed = "data" in response.json()
        assert response.status_code == (200 if executed else 400)


BAD_VALUES = [
    ("quantity", 1, "decimal is a string"),
    ("quantity", 1.5, "decimal is a string"),
    ("quantity", "NaN", "decimal is a string"),
    ("quantity", "Infinity", "decimal is a string"),
    ("quantity", "1e3", "decimal is a string"),
    ("quantity", "1" * 30, "decimal is a string"),
    ("side", "HOLD", "side"),
    ("symbol", None, "symbol"),
    ("nonsense", "x", "nonsense"),
]


@pytest.mark.parametrize(("field", "value", "words"), BAD_VALUES)
async def test_bad_values_name_the_field_and_the_rule(
    shared: Door, field: str, value: Any, words: str
) -> None:
    """A variable that breaks its type is refused before anything runs."""
    async with shared.signed_in() as client:
        answer = await client.answer(SUBMIT, input=an_order(**{field: value}))
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert words in error["message"]
    assert field in error["message"]


REFUSED_ORDERS = [
    ({"quantity": "0"}, "quantity"),
    ({"quantity": "-1"}, "quantity"),
    ({"quantity": "999999999999"}, "quantity"),
    ({"symbol": "NOSUCH"}, "symbol"),
    ({"symbol": "'; DROP TABLE trading_orders; --"}, "symbol"),
    ({"symbol": "A\x00B"}, "symbol"),
    ({"clientOrderId": ""}, "clientOrderId"),
    ({"clientOrderId": "x" * 65}, "clientOrderId"),
    ({"limitPrice": "5"}, "limitPrice"),
    ({"type": "LIMIT"}, "limitPrice"),
]


@pytest.mark.parametrize(
    ("given", "field"), REFUSED_ORDERS, ids=[str(given)[:40] for given, _ in REFUSED_ORDERS]
)
async def test_refused_orders_are_values_that_name_the_field(
    shared: Door, given: dict[str, str], field: str
) -> None:
    """A malformed order is denied in words, and leaves an audit entry and nothing else."""
    entries = AuditEntry.filter(action="submitOrder", outcome="REFUSED")
    before = await entries.count()
    async with shared.signed_in() as client:
        answer = await client.ask(SUBMIT, input=an_order(**given))
    denied = answer["submitOrder"]
    assert denied["__typename"] == "OrderDenied"
    assert denied["code"] == "INVALID_INPUT"
    assert field in denied["message"]
    assert denied["order"] is None
    assert await Order.all().count() == 0
    assert await entries.count() == before + 1


async def test_queries_go_by_get_and_mutations_do_not(shared: Door) -> None:
    """A link can read and never write."""
    async with shared.signed_in() as client:
        read = await client.http.get("/graphql", params={"query": "{ tradingState { state } }"})
        write = await client.http.get(
            "/graphql",
            params={
                "query": 'mutation { closePosition(input: {symbol: "X", clientOrderId: "1"}) { __typename } }'
            },
        )
        junk = await client.http.get("/graphql", params={"query": "{ __typename }", "variables": "{"})
    assert read.json() == {"data": {"tradingState": {"state": "ACTIVE"}}}
    assert write.status_code == 405
    assert junk.status_code == 400


async def test_pages_are_safe_to_show(shared: Door) -> None:
    """Neither may load anything from elsewhere, be framed, or be kept by a cache; files have no address but ours."""
    async with shared.client() as browser:
        first = await browser.http.get("/")
        deep = await browser.http.get("/trading-engine")
        slash = await browser.http.get("/graphiql/")
        page = await browser.http.get("/graphiql")
        missing = await browser.http.get("/assets/no-such.js")
        [name] = re.findall(r'src="\./(assets/[^"]+\.js)"', first.text)
        script = await browser.http.get(f"/{name}", headers={"accept-encoding": "gzip"})
    assert slash.headers["location"] == "/graphiql"
    assert page.status_code == 200, "the pages are not built: run make pages"
    assert first.text == deep.text
    assert '<base href="/" />' in first.text
    for shown in (page, first, deep):
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["x-content-type-options"] == "nosniff"
    assert missing.status_code == 404
    assert script.status_code == 200
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["cache-control"].endswith("immutable")
