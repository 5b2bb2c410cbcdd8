#!/bin/sh
# Places a market order and waits until it is filled. Needs curl, and python3 for the JSON.
#
#     TRADING_ENGINE_URL=http://127.0.0.1:8000 TRADING_ENGINE_TOKEN=qlt_... \
#         sh place_order.sh [SYMBOL [QUANTITY [CLIENT_ORDER_ID]]]
#
# Exit codes: 0 filled, 1 not filled, 2 it could not be asked for.
set -eu

fail() {
    code=$1
    shift
    echo "place_order.sh: $*" >&2
    exit "$code"
}

[ -n "${TRADING_ENGINE_URL:-}" ] || fail 2 "set TRADING_ENGINE_URL to the engine's address, such as http://127.0.0.1:8000"
[ -n "${TRADING_ENGINE_TOKEN:-}" ] || fail 2 "set TRADING_ENGINE_TOKEN to a token (trading-engine token create --user NAME --role TRADER)"

symbol=${1:-AAPL}
quantity=${2:-1}
# The id is chosen once and goes with every attempt: however often the request is repeated, there is one order.
client_order_id=${3:-sh-$(date -u +%Y%m%dT%H%M%S)-$$}
most_looks=120 # about a second apart

# ask OPERATION [NAME VALUE]...: sends a GraphQL operation and prints the answer. The token goes by standard input,
# because the arguments of a program can be read by every user of the machine.
ask() {
    body=$(python3 -c 'import json, sys
operation, *words = sys.argv[1:]
print(json.dumps({"query": operation, "variables": dict(zip(words[::2], words[1::2]))}))' "$@")
    printf 'header = "Authorization: Bearer %s"\n' "$TRADING_ENGINE_TOKEN" |
        curl --config - --silent --show-error --max-time 20 --retry 4 --retry-connrefused \
            --header 'Content-Type: application/json' --data-binary "$body" "${TRADING_ENGINE_URL%/}/graphql" ||
        fail 2 "the engine at $TRADING_ENGINE_URL did not answer; order $client_order_id may be repeated with the same id"
}

# pick PATH: prints one value of the JSON on standard input, such as data.order.status; nothing where there is none.
pick() {
    python3 -c 'import json, sys
value = json.load(sys.stdin)
if value.get("errors"):
    sys.exit("place_order.sh: " + value["errors"][0]["message"])
for name in sys.argv[1].split("."):
    value = (value or {}).get(name)
print("" if value is None else value)' "$1"
}

submit='mutation Submit($clientOrderId: String!, $symbol: String!, $quantity: Decimal!) {
  submitOrder(input: {
    clientOrderId: $clientOrderId, symbol: $symbol, side: BUY, type: MARKET, quantity: $quantity
  }) {
    __typename
    ... on OrderAccepted { order { id status } }
    ... on OrderDenied { code message }
    ... on IdempotencyConflict { message }
  }
}'
look='query Look($id: ID!) { order(id: $id) { status filledQuantity averagePrice reason } }'

answer=$(ask "$submit" clientOrderId "$client_order_id" symbol "$symbol" quantity "$quantity") || exit 2
outcome=$(printf '%s' "$answer" | pick data.submitOrder.__typename) || exit 2
if [ "$outcome" != OrderAccepted ]; then
    fail 1 "$outcome: $(printf '%s' "$answer" | pick data.submitOrder.message)"
fi
order_id=$(printf '%s' "$answer" | pick data.submitOrder.order.id)
echo "order $order_id ($client_order_id) accepted: buy $quantity $symbol"

looks=0
status=
while [ "$looks" -lt "$most_looks" ]; do
    answer=$(ask "$look" id "$order_id") || exit 2
    now=$(printf '%s' "$answer" | pick data.order.status) || exit 2
    [ "$now" = "$status" ] || echo "$now"
    status=$now
    case $status in
        FILLED)
            echo "filled $(printf '%s' "$answer" | pick data.order.filledQuantity) at $(printf '%s' "$answer" | pick data.order.averagePrice)"
            exit 0
            ;;
        CANCELLED | REJECTED | EXPIRED)
            fail 1 "the order is $status: $(printf '%s' "$answer" | pick data.order.reason)"
            ;;
    esac
    looks=$((looks + 1))
    sleep 1
done
fail 1 "not filled yet; order $order_id goes on working"
