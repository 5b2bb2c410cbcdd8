"""Bad input over HTTP: a typed refusal that names field and rule, nothing written but the audit entry, no traceback."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.asking import SUBMIT, Client, Json, client_of
from tests.running import WRITTEN_BY_THE_CLOCK, TradingEngine, running_engine, until

# What the engine writes by itself meanwhile: by the clock, and alerts about just such input.
ITS_OWN = WRITTEN_BY_THE_CLOCK | {"alerts", "trading_events", "trading_audit_trail"}
FACTS = "SELECT count(*) AS n FROM trading_events WHERE type NOT LIKE 'ALERT%'"
UNHANDLED = "SELECT count(*) AS n FROM event_handlings WHERE status IN ('PENDING', 'FAILED')"
AUDIT = "SELECT count(*) AS n FROM trading_audit_trail"


@dataclass(frozen=True, slots=True)
class House:
    """An engine with two traders and an operator."""

    engine: TradingEngine
    ann: Client
    bob: Client
    olga: Client

    def written(self) -> Json:
        """Count everything that people's commands write, the audit trail apart, once no handler is at work."""
        until(lambda: self.engine.rows(UNHANDLED)[0]["n"] == 0, "all events are handled")
        counts = {name: count for name, count in self.engine.row_counts().items() if name not in ITS_OWN}
        return counts | {"facts": self.engine.rows(FACTS)[0]["n"]}

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """Check that nothing is written in between but audit entries, and none of them accepts anything."""
        before, newest = self.written(), self.engine.rows(AUDIT)[0]["n"]
        yield
        assert self.written() == before
        entries = self.engine.rows("SELECT * FROM trading_audit_trail WHERE sequence > ?", newest)
        assert [entry["action"] for entry in entries if entry["outcome"] != "REFUSED"] == []


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An engine whose prices stand still, so that nothing but the requests writes."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("bad-input")
        engine = stack.enter_context(running_engine(folder / "data", "--no-demo", "--speed", "0.001"))
        people = {"ann": "TRADER", "bob": "TRADER", "olga": "OPERATOR"}
        clients = [
            stack.enter_context(client_of(engine.url, engine.token(name, role)))
            for name, role in people.items()
        ]
        yield House(engine, *clients)


@pytest.fixture(autouse=True)
def no_traceback(house: House) -> Iterator[None]:
    """Whatever comes, the log has no traceback."""
    yield
    assert "Traceback" not in house.engine.log


HUGE = "9" * 30
UNREADABLE: tuple[Any, ...] = ("", " 1", "1,5", "0x10", "0.000000001", 1, 1.5, True, None, [])
ORDERS: list[tuple[Json, str]] = [
    ({"symbol": "NOPE"}, "symbol"),
    ({"symbol": ""}, "symbol"),
    ({"symbol": "A" * 5_000}, "symbol"),
    *[
        ({"quantity": value}, "quantity")
        for value in ("0", "-1", "NaN", "Infinity", "-Infinity", "1e3", HUGE)
    ],
    *[({"quantity": value}, "quantity") for value in UNREADABLE],
    ({"quantity": "92233720369"}, "quantity"),
    *[
        ({"type": "LIMIT", "limitPrice": value}, "limitPrice")
        for value in ("0", "-1", "NaN", "Infinity", "1e3", HUGE, 10, "", "92233720369")
    ],
    ({"type": "LIMIT"}, "limitPrice"),
    ({"limitPrice": "10"}, "limitPrice"),
    ({"type": "STOP", "side": "SELL"}, "stopPrice"),
    ({"type": "STOP", "side": "SELL", "stopPrice": "-1"}, "stopPrice"),
    ({"stopPrice": "10"}, "stopPrice"),
    ({"side": "HOLD"}, "side"),
    ({"side": "buy"}, "side"),
    ({"type": "MAGIC"}, "type"),
    ({"timeInForce": "FOREVER"}, "timeInForce"),
    ({"clientOrderId": ""}, "clientOrderId"),
    ({"clientOrderId": "x" * 65}, "clientOrderId"),
    ({"clientOrderId": "two words"}, "clientOrderId"),
    ({"clientOrderId": "naïve"}, "clientOrderId"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("given", "field"), ORDERS, ids=[str(given)[:60] for given, _ in ORDERS])
@pytest.mark.parametrize("operation", ["submitOrder", "previewOrder"])
def test_a_malformed_order_is_refused_by_field_and_rule(
    house: House, operation: str, given: Json, field: str
) -> None:
    """The refusal is typed, names the field, and leaves no order."""
    order = {
        "clientOrderId": "malformed",
        "symbol": "AAPL",
        "side": "BUY",
        "type": "MARKET",
        "quantity": "1",
    }
    preview = "mutation ($input: SubmitOrderInput!) { previewOrder(input: $input) { allowed code message } }"
    with house.nothing_written():
        answer = house.ann.answer(SUBMIT if operation == "submitOrder" else preview, input=order | given)
    if "errors" in answer:
        [error] = answer["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        said = error["message"]
    else:
        said = answer["data"][operation]["message"]
        assert answer["data"][operation]["code"] == "INVALID_INPUT"
        assert not answer["data"][operation].get("allowed")
        assert answer["data"][operation].get("order") is None
    assert field in said
    assert len(said) < 1_100, "a refusal does not repeat a book"


def test_nobody_proves_anything_with_a_wrong_token(house: House) -> None:
    """Missing, malformed, unknown, expired and revoked tokens get the very same answer."""
    expiring = house.engine.token("gone", "VIEWER", expires_in_s=1)
    revoked = house.engine.token("gone", "VIEWER")
    with client_of(house.engine.url, revoked) as gone:
        token_id = gone.ask("{ me { tokenId } }")["me"]["tokenId"]
    revoke = "mutation ($input: RevokeApiTokenInput!) { revokeApiToken(input: $input) { __typename } }"
    house.olga.ask(revoke, input={"id": token_id})
    headers: list[dict[str, str]] = [
        {},
        *[
            {"authorization": f"Bearer {token}"}
            for token in (expiring, revoked, f"qlt_{'A' * 43}", "x" * 5_000)
        ],
        {"authorization": "Basic eDp5"},
        {"cookie": "trading_engine_session=qls_x"},
    ]
    with httpx.Client(base_url=house.engine.url, trust_env=False) as http:

        def ask(given: dict[str, str]) -> httpx.Response:
            return http.post("/graphql", json={"query": "{ me { name } }"}, headers=given)

        until(lambda: ask(headers[1]).status_code == 401, "the token has expired")
        with house.nothing_written():
            answers = [ask(given) for given in headers]
    assert [answer.status_code for answer in answers] == [401] * len(headers)
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def foreign_operations(house: House) -> dict[str, str]:
    """Everything that takes an id, with a real one of ann's; `@` stands where the id goes."""
    order_id = house.ann.submit(type="LIMIT", limitPrice="1")["order"]["id"]
    deploy = """mutation { deployStrategy(input: {
        clientDeploymentId: "anns", name: "anns", kind: "moving_average_crossover", symbols: ["AAPL"]
    }) { ... on StrategyDeployed { strategy { id } } } }"""
    strategy_id = house.ann.ask(deploy)["deployStrategy"]["strategy"]["id"]
    me = house.ann.ask("{ me { id tokenId } eventHistory(first: 1) { edges { node { id } } } }")
    event_id = me["eventHistory"]["edges"][0]["node"]["id"]
    refused = "{ __typename ... on Refused { code message field } }"
    return {
        'query { order(id: "@") { id } }': order_id,
        'query { event(id: "@") { id } }': event_id,
        'query { portfolio(userId: "@") { cash } }': me["me"]["id"],
        'query { riskLimits(userId: "@") { code } }': me["me"]["id"],
        'query { orders(filter: { userId: "@" }) { edges { node { id } } } }': me["me"]["id"],
        'query { executions(filter: { orderId: "@" }) { edges { node { id } } } }': order_id,
        'query { eventHistory(filter: { entityId: "@" }) { edges { node { id } } } }': order_id,
        'query { auditTrail(filter: { entityId: "@" }) { edges { node { id } } } }': order_id,
        'query { strategyPerformance(strategyId: "@") { edges { node { id } } } }': strategy_id,
        f'mutation {{ cancelOrder(input: {{ orderId: "@" }}) {refused} }}': order_id,
        f'mutation {{ pauseStrategy(input: {{ id: "@" }}) {refused} }}': strategy_id,
        f'mutation {{ resumeStrategy(input: {{ id: "@" }}) {refused} }}': strategy_id,
        f'mutation {{ stopStrategy(input: {{ id: "@" }}) {refused} }}': strategy_id,
        f'mutation {{ revokeApiToken(input: {{ id: "@" }}) {refused} }}': me["me"]["tokenId"],
        f'mutation {{ emergencyStop(input: {{ reason: "x", scope: USER, target: "@" }}) {refused} }}': me[
            "me"
        ]["id"],
        f'mutation {{ emergencyStop(input: {{ reason: "x", scope: STRATEGY, target: "@" }}) {refused} }}': strategy_id,
        """mutation { submitOrder(input: { clientOrderId: "foreign", symbol: "AAPL", side: BUY, type: MARKET,
            quantity: "1", strategyId: "@" }) { __typename ... on OrderDenied { code message } } }""": strategy_id,
        """mutation { submitSignal(input: { clientSignalId: "foreign", symbol: "AAPL", side: BUY, confidence: "1",
            strategyId: "@" }) { __typename ... on Refused { code message } } }""": strategy_id,
    }


def test_ids_of_others_look_like_ids_of_nothing(house: House) -> None:
    """The answers to ann's id and to an unknown one are the same bytes, and nothing of ann's has changed."""
    operations = foreign_operations(house)
    with house.nothing_written():
        for operation, foreign in operations.items():
            unknown = foreign[:-6] + "zzzzzz"
            answers = [house.bob.answer(operation.replace("@", given)) for given in (foreign, unknown)]
            texts = [str(answer).replace(foreign, "ID").replace(unknown, "ID") for answer in answers]
            assert texts[0] == texts[1], operation
            assert "INTERNAL" not in texts[0]


def test_a_setting_is_changed_within_its_bounds_only(house: House) -> None:
    """Unknown keys, values of another kind and beyond the bounds are refused by field and rule, for every setting."""
    update = """mutation ($input: UpdateConfigInput!) { updateConfig(input: $input) {
        __typename ... on Refused { code message field limit } } }"""
    entries = house.olga.ask("{ config { key type value minimum maximum version } }")["config"]
    tries = [("no_such_setting", "1"), ("", "1"), ("K" * 1_000, "1")]
    for entry in entries:
        tries += [(entry["key"], value) for value in ("", "abc", "NaN", "1e2", "Infinity", HUGE, "yes", "-1")]
        if entry["maximum"] is not None:
            tries.append((entry["key"], f"{int(float(entry['maximum'])) + 1}"))
    assert len(entries) == 10
    with house.nothing_written():
        for key, value in tries:
            wanted = {"key": key, "value": value, "reason": "bad input"}
            refused = house.olga.ask(update, input=wanted)["updateConfig"]
            assert refused["__typename"] == "Refused", (key, value)
            assert refused["field"] in ("key", "value"), refused
            assert refused["field"] in refused["message"], refused
    assert house.olga.ask("{ config { key type value minimum maximum version } }")["config"] == entries


INJECTIONS = (
    "'; DROP TABLE trading_orders; --",
    "x' OR '1'='1",
    '"; DELETE FROM users; --',
    "%' UNION SELECT secret FROM api_tokens --",
)
# What makes the rest of an input sound, so that the text under test is what decides.
SOUND: Json = {
    "symbol": "AAPL",
    "symbols": ["AAPL"],
    "side": "BUY",
    "type": "MARKET",
    "quantity": "1",
    "confidence": "1",
    "kind": "moving_average_crossover",
    "scope": "SYMBOL",
    "target": "IBM",
    "key": "order_timeout_seconds",
    "value": "300",
    "user": "carl",
    "role": "VIEWER",
}
INTROSPECTION = """
{ __schema {
    queryType { fields { name args { name type { ...t } } type { ...t } } }
    mutationType { fields { name args { name type { ...t } } type { ...t } } }
    types { kind name inputFields { name defaultValue type { ...t } } }
} }
fragment t on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
"""
_numbers = itertools.count(1)


def kind_of(given: Json) -> tuple[str, str, bool, bool]:
    """Answer kind and name of the innermost type, whether it is required, and whether it is a list."""
    required, is_list = given["kind"] == "NON_NULL", False
    while given.get("ofType"):
        is_list = is_list or given["kind"] == "LIST"
        given = given["ofType"]
    return given["kind"], given["name"], required, is_list


def sound_input(fields: list[Json]) -> Json:
    """Build the least input that has every required field."""
    made: Json = {}
    for field in fields:
        name = field["name"]
        _, type_name, required, _ = kind_of(field["type"])
        if not required and name != "target":
            continue
        if name.startswith("client"):
            made[name] = f"sound-{next(_numbers)}"
        else:
            made[name] = SOUND.get(name, {"Decimal": "1", "Int": 1, "Boolean": False}.get(type_name, "x"))
    return made


def text_fields(fields: list[Json]) -> Iterator[tuple[str, bool]]:
    """Name the fields that take text, and whether they take a list of it."""
    for field in fields:
        kind, type_name, _, is_list = kind_of(field["type"])
        if kind == "SCALAR" and type_name in ("String", "ID"):
            yield field["name"], is_list


def test_sql_in_every_text_of_every_mutation_stays_text(house: House) -> None:
    """Refused without a trace, or kept to the letter: never run, never an internal error."""
    schema = house.olga.ask(INTROSPECTION)["__schema"]
    inputs = {
        entry["name"]: entry["inputFields"] for entry in schema["types"] if entry["kind"] == "INPUT_OBJECT"
    }
    tables = house.engine.row_counts().keys()
    tried = 0
    faults: list[object] = []
    for mutation in schema["mutationType"]["fields"]:
        [argument] = mutation["args"]
        input_type = kind_of(argument["type"])[1]
        for (name, is_list), text in itertools.product(text_fields(inputs[input_type]), INJECTIONS):
            tried += 1
            wanted = sound_input(inputs[input_type]) | {name: [text] if is_list else text}
            faults += faults_of_mutation(house, mutation["name"], input_type, wanted)
    assert faults == []
    assert tried > 100
    assert house.engine.row_counts().keys() == tables
    assert house.olga.ask("{ auditVerification { intact } }")["auditVerification"]["intact"]


def faults_of_mutation(house: House, name: str, input_type: str, wanted: Json) -> Iterator[object]:
    """Run one mutation; where it is refused, nothing may have been written, and nothing may ever be lost."""
    before = house.written()
    selection = "{ __typename }" if name != "previewOrder" else "{ allowed }"
    operation = f"mutation ($input: {input_type}!) {{ {name}(input: $input) {selection} }}"
    answer = house.olga.answer(operation, input=wanted)
    after = house.written()
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    if codes not in ([], ["BAD_USER_INPUT"]):
        yield name, wanted, codes
    outcome = None if codes else answer["data"][name].get("__typename")
    if outcome in ("Refused", "IdempotencyConflict", None) and after != before:
        yield name, wanted, outcome, "something was written"
    if any(after[table] < count for table, count in before.items()):
        yield name, wanted, "something is gone"


def test_sql_in_every_text_of_every_query_finds_nothing(house: House) -> None:
    """An answer without rows, or a coded refusal; a filter never widens what is seen."""
    schema = house.bob.ask(INTROSPECTION)["__schema"]
    inputs = {
        entry["name"]: entry["inputFields"] for entry in schema["types"] if entry["kind"] == "INPUT_OBJECT"
    }
    tried = 0
    faults: list[object] = []
    with house.nothing_written():
        for query in schema["queryType"]["fields"]:
            for argument, variable, value in query_texts(query, inputs):
                tried += 1
                faults += faults_of_query(house, query, argument, variable, value)
    assert faults == []
    assert tried > 60


def faults_of_query(
    house: House, query: Json, argument: str, variable: str, value: object
) -> Iterator[object]:
    """Run one query; it answers no rows, or a coded refusal."""
    others = [other for other in query["args"] if other["name"] != argument and kind_of(other["type"])[2]]
    required = " ".join(f'{other["name"]}: "x"' for other in others)
    operation = (
        f"query ($v: {variable}) {{ {query['name']}({argument}: $v {required}) {selection_of(query)} }}"
    )
    asking = house.olga if query["name"] == "deadLetters" else house.bob  # which are for operators
    answer = asking.answer(operation, v=value)
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    if codes not in ([], ["BAD_USER_INPUT"]):
        yield operation, value, codes
    found = None if codes else answer["data"][query["name"]]
    rows = found.get("edges", []) if isinstance(found, dict) else found or []
    if rows and argument != "names":  # names of metrics choose figures, not samples
        yield operation, value, rows


def query_texts(query: Json, inputs: dict[str, list[Json]]) -> Iterator[tuple[str, str, Any]]:
    """Answer every way to put a hostile text into a query: argument, its type, and the value."""
    for argument in query["args"]:
        kind, name, required, is_list = kind_of(argument["type"])
        mark = "!" if required else ""
        for text in (f"query {injection}" for injection in INJECTIONS):  # texts nobody has ever stored
            if kind == "SCALAR" and name in ("String", "ID"):
                yield (
                    argument["name"],
                    f"[{name}!]{mark}" if is_list else name + mark,
                    [text] if is_list else text,
                )
            elif kind == "INPUT_OBJECT":
                for field, takes_list in text_fields(inputs[name]):
                    yield argument["name"], name + mark, {field: [text] if takes_list else text}


def selection_of(query: Json) -> str:
    """Answer the least to select from a query."""
    kind, name, _, _ = kind_of(query["type"])
    if name.endswith("Connection"):
        return "{ edges { cursor } }"
    return "" if kind in ("SCALAR", "ENUM") else "{ __typename }"
