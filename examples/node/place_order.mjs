// Places a market order and prints every event of it, as it happens, until it is filled.
//
//     npm ci
//     TRADING_ENGINE_URL=http://127.0.0.1:8000 TRADING_ENGINE_TOKEN=qlt_... \
//         node place_order.mjs [SYMBOL [QUANTITY [CLIENT_ORDER_ID]]]
//
// Exit codes: 0 filled, 1 not filled, 2 it could not be asked for.
//
// Two rules make it safe on a bad line. An order is repeated with the same client order id only, so there is never
// a second one. Events are followed from a cursor taken before the order is placed, and from the last cursor seen
// after every lost connection, so none is missed and none comes twice.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws' // Node.js has its own from version 22 on

const PATIENCE_MS = 120_000 // for the fill; the order goes on working after that
const ATTEMPTS = 6 // at each request
const LONGEST_WAIT_MS = 15_000
const SIGNED_OUT = [4401, 4403] // close codes: the token proves nothing, there is no use in trying again
const ENDED = ['FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'] // the events are called ORDER_FILLED and so on

const NEWEST = '{ eventHistory(first: 1) { edges { node { cursor } } } }'
const SUBMIT = `
  mutation Submit($input: SubmitOrderInput!) {
    submitOrder(input: $input) {
      __typename
      ... on OrderAccepted { order { id status filledQuantity averagePrice reason } }
      ... on OrderDenied { code message }
      ... on IdempotencyConflict { message }
    }
  }`
const EVENTS = `
  subscription Events($after: String) {
    events(after: $after) {
      __typename
      ... on EventDelivery { cursor event { type entityId payload } }
      ... on Lagged { resumeAfter }
      ... on RefreshRequired { reason }
    }
  }`

class NotFilled extends Error {}
class NotAsked extends Error {}

/** Wait longer with each failure, everybody another time, so that a restarted engine is not stormed. */
function waitMs(failures) {
  const longest = Math.min(LONGEST_WAIT_MS, 500 * 2 ** Math.min(failures, 10))
  return longest / 2 + (longest / 2) * Math.random()
}

/** Run a query or mutation, the very same again while the engine cannot be reached. */
async function ask(engine, query, variables = {}) {
  for (let failures = 1; ; failures += 1) {
    try {
      const response = await fetch(`${engine.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${engine.token}` },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(20_000),
      })
      if (response.status >= 500) throw new Error(`status ${response.status}`)
      const body = await response.json()
      if (body.errors) throw new NotAsked(body.errors[0].message)
      return body.data
    } catch (error) {
      if (error instanceof NotAsked) throw error
      if (failures === ATTEMPTS) throw new NotAsked(`the engine does not answer (${error.cause?.code ?? error.message})`)
      await wait(waitMs(failures))
    }
  }
}

/** Follow events after a cursor, for ever and across lost connections. */
async function* eventsAfter(engine, cursor) {
  // graphql-ws sends this very object again after a lost connection: moving the cursor along leaves no gap.
  const variables = { after: cursor }
  const client = createClient({
    url: `${engine.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${engine.token}` },
    retryAttempts: Infinity,
    retryWait: (failures) => wait(waitMs(failures)),
    shouldRetry: (reason) => !SIGNED_OUT.includes(reason?.code),
    on: { connecting: (isRetry) => isRetry && console.error(`connection lost; going on after ${variables.after}`) },
  })
  try {
    for (;;) {
      for await (const { data } of client.iterate({ query: EVENTS, variables })) {
        const item = data.events
        if (item.__typename === 'RefreshRequired') throw new NotAsked(`the events cannot be resumed: ${item.reason}`)
        variables.after = item.cursor ?? item.resumeAfter
        if (item.__typename === 'EventDelivery') yield item
      }
      await wait(waitMs(1)) // the engine ended the stream: it is closing, or we were too slow
    }
  } catch (error) {
    throw error instanceof NotAsked ? error : new NotAsked(error.reason ?? error[0]?.message ?? error.message)
  } finally {
    await client.dispose()
  }
}

async function placeOrder(engine, symbol, quantity, clientOrderId) {
  const newest = (await ask(engine, NEWEST)).eventHistory.edges[0]?.node.cursor ?? null
  const input = { clientOrderId, symbol, side: 'BUY', type: 'MARKET', quantity }
  const outcome = (await ask(engine, SUBMIT, { input })).submitOrder
  if (outcome.__typename !== 'OrderAccepted') throw new NotFilled(`${outcome.__typename}: ${outcome.message}`)
  const placed = outcome.order
  console.log(`order ${placed.id} (${clientOrderId}) accepted: buy ${quantity} ${symbol}`)
  // A repeated id: this order is done, its events lie before the cursor.
  if (ENDED.includes(placed.status)) return tellEnd(placed.status, placed)
  for await (const { cursor, event } of eventsAfter(engine, newest)) {
    if (event.entityId !== placed.id) continue
    console.log(`${event.type} ${event.payload.filledQuantity}/${quantity} cursor ${cursor}`)
    const status = event.type.replace('ORDER_', '')
    if (ENDED.includes(status)) return tellEnd(status, event.payload)
  }
}

function tellEnd(status, order) {
  if (status !== 'FILLED') throw new NotFilled(`the order is ${status}: ${order.reason}`)
  console.log(`filled ${order.filledQuantity} at ${order.averagePrice}`)
}

function fail(code, words) {
  console.error(`place_order.mjs: ${words}`)
  process.exit(code)
}

function fromEnvironment(name, what) {
  return process.env[name] || fail(2, `set ${name} to ${what}`)
}

const engine = {
  url: fromEnvironment('TRADING_ENGINE_URL', "the engine's address, such as http://127.0.0.1:8000").replace(/\/+$/, ''),
  token: fromEnvironment('TRADING_ENGINE_TOKEN', 'a token (trading-engine token create --user NAME --role TRADER)'),
}
const [symbol = 'AAPL', quantity = '1', clientOrderId = `node-${randomUUID()}`] = process.argv.slice(2)
const late = setTimeout(() => fail(1, `not filled within ${PATIENCE_MS / 1000} s; the order goes on working`), PATIENCE_MS)
try {
  await placeOrder(engine, symbol, quantity, clientOrderId)
} catch (error) {
  if (error instanceof NotFilled) fail(1, error.message)
  if (error instanceof NotAsked) fail(2, `${error.message}; an order may be repeated with the same client order id ${clientOrderId}`)
  throw error
} finally {
  clearTimeout(late)
}
