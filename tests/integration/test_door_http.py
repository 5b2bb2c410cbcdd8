"""The door over HTTP: who gets in, what is refused and how, and that every question has an answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.audit import AuditEntry
from models.order import Order
from models.user import Role
from tests.integration.door import SUBMIT, Door, an_order, running_door

pytestmark = pytest.mark.anyio

CANCEL = """
mutation Cancel($id: ID!) {
  cancelOrder(input: { orderId: $id }) {
    __typename
    ... on Refused { code message }
    ... on OrderCancelled { order { id } }
  }
}
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door on a new ledger."""
    async with running_door(tmp_path) as running:
        yield running


async def test_a_missing_right_is_told_and_audited(door: Door) -> None:
    """A viewer may look and not trade; the attempt is in the audit trail, and nothing else was written."""
    async with door.signed_in("vera", Role.VIEWER) as viewer:
        answer = await viewer.answer(SUBMIT, input=an_order())
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    entry = await AuditEntry.filter(action="submitOrder").first()
    assert entry is not None
    assert (entry.actor, entry.outcome, entry.code) == ("vera", "REFUSED", "FORBIDDEN")
    assert await Order.all().count() == 0


async def test_the_same_client_id_is_one_order(door: Door) -> None:
    """Same content answers the first outcome; other content is a typed conflict."""
    async with door.signed_in() as client:
        first = await client.ask(SUBMIT, input=an_order())
        again = await client.ask(SUBMIT, input=an_order(quantity="1.0"))
        other = await client.ask(SUBMIT, input=an_order(quantity="2"))
    assert first["submitOrder"]["order"]["id"] == again["submitOrder"]["order"]["id"]
    assert other["submitOrder"]["__typename"] == "IdempotencyConflict"
    assert other["submitOrder"]["existingId"] == first["submitOrder"]["order"]["id"]
    assert await Order.filter(origin="CLIENT").count() == 1


async def test_a_foreign_id_is_answered_like_an_unknown_one(door: Door) -> None:
    """Reading and cancelling: the same words for both, and the attempt is counted."""
    async with door.signed_in("ann") as ann:
        mine = (await ann.ask(SUBMIT, input=an_order()))["submitOrder"]["order"]["id"]
    async with door.signed_in("bob") as bob:
        for order_id in (mine, mine[:-4] + "0000"):
            assert (await bob.ask("query Q($id: ID!) { order(id: $id) { id } }", id=order_id)) == {
                "order": None
            }
        foreign = (await bob.ask(CANCEL, id=mine))["cancelOrder"]
        unknown = (await bob.ask(CANCEL, id=mine[:-4] + "0000"))["cancelOrder"]
    assert foreign == unknown
    assert foreign["code"] == "NOT_FOUND"
    assert door.engine.metrics.value("security_foreign_access_total", kind="order") == 2


async def test_nobody_sees_what_is_somebody_else_s(door: Door) -> None:
    """Orders, events, alerts, audit and portfolio of another user stay out of every list."""
    async with door.signed_in("ann") as ann:
        await ann.ask(SUBMIT, input=an_order())
        await ann.ask(SUBMIT, input=an_order(clientOrderId="too-much", quantity="100000"))
        me = (await ann.ask("{ me { id } }"))["me"]["id"]
    lists = """{
      orders { edges { node { id } } } executions { edges { node { id } } } riskViolations { edges { node { id } } }
      positions { edges { node { id } } } alerts { edges { node { id } } } strategies { edges { node { id } } }
      auditTrail { edges { node { actor } } } eventHistory { edges { node { userId type } } }
    }"""
    async with door.signed_in("bob") as bob:
        seen = await bob.ask(lists)
        asked = await bob.ask(
            "query Q($id: ID!) { portfolio(userId: $id) { cash } riskLimits(userId: $id) { code } "
            "orders(filter: { userId: $id }) { edges { node { id } } } "
            "eventHistory(filter: { userId: $id }) { edges { node { id } } } }",
            id=me,
        )
    for name in ("orders", "executions", "riskViolations", "positions", "alerts", "strategies", "auditTrail"):
        assert seen[name]["edges"] == [], name
    assert me not in {edge["node"]["userId"] for edge in seen["eventHistory"]["edges"]}
    empty: dict[str, Any] = {"edges": []}
    assert asked == {"portfolio": None, "riskLimits": [], "orders": empty, "eventHistory": empty}


async def test_a_risk_officer_sees_everything(door: Door) -> None:
    """The other side of the same rule."""
    async with door.signed_in("ann") as ann:
        order = (await ann.ask(SUBMIT, input=an_order()))["submitOrder"]["order"]["id"]
        me = (await ann.ask("{ me { id } }"))["me"]["id"]
    async with door.signed_in("rita", Role.RISK_OFFICER) as rita:
        seen = await rita.ask(
            "query Q($o: ID!, $u: ID!) { order(id: $o) { id } portfolio(userId: $u) { userId cash } "
            'auditTrail(filter: { action: "submitOrder" }) { edges { node { actor } } } }',
            o=order,
            u=me,
        )
    assert seen["order"]["id"] == order
    assert seen["portfolio"]["userId"] == me
    assert {"node": {"actor": "ann"}} in seen["auditTrail"]["edges"]


async def test_every_query_has_an_answer(door: Door) -> None:
    """No root field of the contract answers with an error on a young ledger."""
    async with door.signed_in("olga", Role.OPERATOR) as client:
        answer = await client.ask(
            """{
              health { status score reasons version uptimeSeconds components { name status reason latencyMs since } }
              metrics { at process figures { name value unit description } }
              metricHistory(first: 5) { edges { node { at } } }
              alerts(first: 5) { edges { cursor node { id } } pageInfo { hasNextPage } }
              config { id key value type minimum maximum description version updatedAt updatedBy }
              eventHistory(filter: { text: "aap" }) { edges { cursor node { id cursor payload } } }
              event(id: "evt_none") { id }
              eventBus { published handled failed retried dead waitingRetry depth { priority count } types { type count }
                         handlers { name handled failed meanMs slowestMs } }
              orders { edges { node { id } } } order(id: "ord_none") { id } positions { edges { node { id } } }
              executions { edges { node { id } } } portfolio { cash equity positions { symbol } }
              strategies { edges { node { id parameters } } }
              strategyPerformance(strategyId: "str_none") { edges { node { marketDay } } }
              riskViolations { edges { node { id } } } riskLimits { code subject limit used headroom unit }
              auditTrail { edges { node { sequence digest detail } } } auditVerification { intact entries faultReason }
              marketData { symbol last marketTime receivedAt } tradingState { state halts { id } }
              me { id name role permissions expiresAt }
            }"""
        )
    assert answer["portfolio"] == {"cash": "100000", "equity": "100000", "positions": []}
    assert len(answer["config"]) == 10
    assert answer["auditVerification"]["intact"] is True
    assert answer["tradingState"] == {"state": "ACTIVE", "halts": []}
    assert answer["me"]["name"] == "olga"
    assert {use["code"] for use in answer["riskLimits"]} >= {
        "CONCURRENT_ORDERS",
        "FUNDS",
        "PORTFOLIO_EXPOSURE",
    }


async def test_pages_go_on_without_gap_or_repeat(door: Door) -> None:
    """Forwards and backwards, the pages of a list make up the list."""
    async with door.signed_in() as client:
        for number in range(7):
            await client.ask(
                SUBMIT, input=an_order(clientOrderId=f"o-{number}", type="LIMIT", limitPrice="1")
            )
        whole = (await client.ask("{ orders(first: 100) { edges { cursor node { id } } } }"))["orders"][
            "edges"
        ]
        ids = [edge["node"]["id"] for edge in whole]
        page = (
            "query P($a: String) { orders(first: 3, after: $a) { edges { node { id } } "
            "pageInfo { hasNextPage endCursor } } }"
        )
        found, after = [], None
        while True:
            part = (await client.ask(page, a=after))["orders"]
            found += [edge["node"]["id"] for edge in part["edges"]]
            if not part["pageInfo"]["hasNextPage"]:
                break
            after = part["pageInfo"]["endCursor"]
        back = "query P($b: String) { orders(last: 3, before: $b) { edges { node { id } } } }"
        before = (await client.ask(back, b=whole[4]["cursor"]))["orders"]["edges"]
    assert len(ids) == 7
    assert found == ids
    assert [edge["node"]["id"] for edge in before] == ids[1:4]


async def test_a_setting_is_changed_with_its_version(door: Door) -> None:
    """A typed change is obeyed; a stale version and a value out of bounds are refused with their figures."""
    change = """mutation C($value: String!, $version: Int) {
      updateConfig(input: { key: "max_concurrent_orders", value: $value, expectedVersion: $version, reason: "test" }) {
        __typename
        ... on ConfigUpdated { entry { value version updatedBy } }
        ... on Refused { code message field limit observed }
      }
    }"""
    async with door.signed_in("rita", Role.RISK_OFFICER) as rita:
        done = (await rita.ask(change, value="3", version=1))["updateConfig"]
        stale = (await rita.ask(change, value="4", version=1))["updateConfig"]
        wild = (await rita.ask(change, value="5000"))["updateConfig"]
    assert done["entry"] == {"value": "3", "version": 2, "updatedBy": "rita"}
    assert stale["code"] == "VERSION_CONFLICT"
    assert (wild["code"], wild["field"], wild["limit"]) == ("INVALID_INPUT", "value", "1000")


async def test_a_defect_inside_is_masked(door: Door) -> None:
    """The client gets a code and the request's id, never the inside."""

    def broken() -> Any:
        raise RuntimeError("the password is hunter2")

    door.engine.health = broken  # type: ignore[method-assign]
    async with door.signed_in() as client:
        response = await client.http.post(
            "/graphql", json={"query": "{ health { score } }"}, headers={"x-request-id": "req-42"}
        )
    assert "hunter2" not in response.text
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "req-42"}
    assert door.engine.metrics.value("api_operation_errors_total", operation="health", code="INTERNAL") == 1


async def test_a_sign_in_code_becomes_a_session_once(door: Door) -> None:
    """The cookie is for this door only, scripts cannot read it, and signing out ends it."""
    code = door.engine.tokens.new_sign_in_code("operator")
    async with door.client() as browser:
        signed_in = await browser.http.post("/session", json={"code": code})
        assert signed_in.status_code == 200
        assert signed_in.json()["user"] == "operator"
        assert signed_in.json()["role"] == "OPERATOR"
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/;" in cookie
        assert (await browser.ask("{ me { name } }"))["me"]["name"] == "operator"
        assert (await browser.http.get("/session")).json() == signed_in.json()
        assert (await browser.http.delete("/session")).status_code == 204
    async with door.client() as other:
        used = await other.http.post("/session", json={"code": code})
        nobody = await other.http.get("/session")
        bad = await other.http.post("/session", json={"code": 5})
    assert used.status_code == nobody.status_code == 401
    assert used.json()["error"]["code"] == "UNAUTHENTICATED"
    assert bad.status_code == 400


async def test_a_session_that_was_ended_proves_nothing(door: Door) -> None:
    """Also where the cookie was kept."""
    code = door.engine.tokens.new_sign_in_code("operator")
    async with door.client() as browser:
        await browser.http.post("/session", json={"code": code})
        kept = dict(browser.http.cookies)
        await browser.http.delete("/session")
    async with door.client() as thief:
        thief.http.cookies.update(kept)
        response = await thief.http.post("/graphql", json={"query": "{ me { id } }"})
    assert response.status_code == 401


async def test_machines_are_told_how_the_process_is(door: Door) -> None:
    """Alive and ready for anybody; figures for who may see everything."""
    async with door.client() as nobody:
        assert (await nobody.http.get("/healthz")).json() == {"status": "alive"}
        assert (await nobody.http.get("/readyz")).json() == {"status": "ready"}
        assert (await nobody.http.get("/metrics")).status_code == 401
    async with door.signed_in("ann") as ann:
        assert (await ann.http.get("/metrics")).status_code == 403
        await ann.ask("{ health { score } }")
    async with door.signed_in("rita", Role.RISK_OFFICER) as rita:
        figures = (await rita.http.get("/metrics")).text
    assert 'api_operation_seconds_count{operation="health",outcome="ok"} 1.0' in figures


async def test_tokens_and_secrets_are_made_and_ended(door: Door) -> None:
    """A token works until it is revoked; a stored secret is never answered."""
    create = """mutation C { createApiToken(input: { clientId: "t1", user: "carl", role: TRADER, name: "bot" }) {
      __typename ... on ApiTokenCreated { secret token { id name } } ... on Refused { code field message } } }"""
    async with door.signed_in("olga", Role.OPERATOR) as olga:
        made = (await olga.ask(create))["createApiToken"]
        again = (await olga.ask(create))["createApiToken"]
        async with door.client(made["secret"]) as carl:
            assert (await carl.ask("{ me { name role } }"))["me"] == {"name": "carl", "role": "TRADER"}
            stored = await carl.ask(
                'mutation { storeBrokerCredential(input: { clientId: "c1", venue: "ACME", label: "main", '
                'secret: "hunter2" }) { __typename ... on BrokerCredentialStored { credential { id venue } } } }'
            )
            revoke = "mutation R($id: ID!) { revokeApiToken(input: { id: $id }) { __typename } }"
            await olga.ask(revoke, id=made["token"]["id"])
            ended = await carl.http.post("/graphql", json={"query": "{ me { id } }"})
    assert again["secret"] is None
    assert again["token"] == made["token"]
    assert stored["storeBrokerCredential"]["credential"]["venue"] == "ACME"
    assert ended.status_code == 401
    for entry in await AuditEntry.all():
        assert "hunter2" not in str(entry.detail)
        assert made["secret"] not in str(entry.detail)


async def test_in_production_the_door_says_less(tmp_path: Path) -> None:
    """No page, no introspection, no hints at names; and the figures are open where the settings say so."""
    async with running_door(tmp_path, production=True, metrics_public=True) as door:
        async with door.signed_in() as client:
            introspected = await client.answer("{ __schema { queryType { name } } }")
            misspelt = await client.answer("{ helth { score } }")
            assert (await client.ask("{ me { name } }"))["me"] == {"name": "ann"}
        async with door.client() as nobody:
            assert (await nobody.http.get("/graphiql")).status_code == 404
            assert (await nobody.http.get("/metrics")).status_code == 200
    assert introspected["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert misspelt["errors"][0]["message"] == "Cannot query field 'helth' on type 'Query'."


async def test_each_help_for_developers_has_a_setting_of_its_own(tmp_path: Path) -> None:
    """In production one of them can be on, elsewhere one can be off."""
    async with running_door(tmp_path / "one", production=True, introspection=True, graphiql=True) as door:
        async with door.signed_in() as client:
            assert "errors" not in await client.answer("{ __schema { queryType { name } } }")
            misspelt = await client.answer("{ helth { score } }")
        async with door.client() as nobody:
            assert (await nobody.http.get("/graphiql")).status_code in (200, 503)  # 503: not built here
    assert "Did you mean" not in misspelt["errors"][0]["message"]
    async with (
        running_door(tmp_path / "two", introspection=False, suggestions=True) as door,
        door.signed_in() as client,
    ):
        assert "errors" in await client.answer("{ __schema { queryType { name } } }")
        misspelt = await client.answer("{ helth { score } }")
    assert "Did you mean" in misspelt["errors"][0]["message"]


async def test_a_long_body_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its declared length at once, or when it has become too long; the bound is a setting."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50 * 16):
            yield b"x" * 65_536

    async with running_door(tmp_path, max_body_bytes=2_000) as door, door.signed_in() as client:
        headers = {"content-type": "application/json"}
        declared = await client.http.post("/graphql", content=b"x" * 2_001, headers=headers)
        assert declared.status_code == 413
        try:
            chunked = await client.http.post("/graphql", content=endless(), headers=headers)
        except httpx.WriteError:  # the answer came, and the rest was not taken any more
            pass
        else:
            assert chunked.status_code == 413
        assert await client.ask("{ me { name } }") == {"me": {"name": "ann"}}
