// Mercurius on Fastify, to compare with: prints its port, a token and its process.
//
//     node server.mjs SUBSCRIBERS FILTERS PER_S [topics]
//
// Answers what benchmarks/api.py asks, with the types of schema.graphql, and publishes as benchmarks/contender.py does:
// an event for each filter whenever so many subscribers are there, so often in a second; 0: as soon as everybody has
// been given theirs. It is set up for speed: queries are compiled when they come a second time, and nothing is logged.
// Subscribers are filtered as its documentation has it, by `withFilter`; with `topics` a symbol is a topic of its own, so
// that nobody is woken for what they did not ask for. No engine stands behind it: prices and times lie in memory as the
// strings that are sent.
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

import Fastify from "fastify";
import mercurius from "mercurius";

const { withFilter } = mercurius;

const [subscribers, filters, perS] = process.argv.slice(2).map(Number);
const withTopics = process.argv[5] === "topics";
const SYMBOLS = 100;
const STALE_AFTER_MS = 10_000;
const EVERYTHING = "events"; // the topic of those without a filter

const SCHEMA = `
  scalar DateTime
  scalar Decimal
  scalar JSON

  enum Role { VIEWER TRADER RISK_OFFICER OPERATOR }
  enum Permission {
    VIEW_OWN VIEW_ALL TRADE STOP_OWN STOP_ANY RESUME CHANGE_LIMITS MANAGE_ALERTS MANAGE_USERS OPERATE
  }
  enum TradingStatus { ACTIVE RESTRICTED HALTED }
  enum Priority { LOW NORMAL HIGH CRITICAL }
  enum RefreshReason { OTHER_LEDGER UNKNOWN_POSITION PRUNED NOT_YOURS }
  enum EventType {
    SIGNAL_GENERATED ORDER_CREATED ORDER_SUBMITTED ORDER_PARTIALLY_FILLED ORDER_FILLED ORDER_CANCEL_REQUESTED
    ORDER_CANCELLED ORDER_REJECTED ORDER_DENIED ORDER_EXPIRED POSITION_OPENED POSITION_UPDATED POSITION_CLOSED
    STRATEGY_DEPLOYED STRATEGY_PAUSED STRATEGY_RESUMED STRATEGY_STOPPED RISK_VIOLATION EMERGENCY_STOP TRADING_RESUMED
    MARKET_DATA_UPDATE CONFIG_CHANGED ALERT_RAISED ALERT_ACKNOWLEDGED ALERT_RESOLVED SYSTEM_ERROR USER_ACTION
  }

  type Me {
    id: ID!
    name: String!
    role: Role!
    permissions: [Permission!]!
    tokenId: ID!
    expiresAt: DateTime
  }
  type TradingState {
    state: TradingStatus!
  }
  type Quote {
    symbol: String!
    last: Decimal!
    open: Decimal!
    high: Decimal!
    low: Decimal!
    volume: Decimal!
    marketTime: DateTime!
    receivedAt: DateTime!
    source: String!
    stale: Boolean!
  }
  type Query {
    me: Me!
    tradingState: TradingState!
    latestCursor: String!
    marketData: [Quote!]!
  }

  type TradingEvent {
    id: ID!
    type: EventType!
    priority: Priority!
    userId: ID
    symbol: String
    entityId: ID
    payload: JSON!
    createdAt: DateTime!
  }
  type EventDelivery {
    cursor: String!
    event: TradingEvent!
  }
  type RefreshRequired {
    reason: RefreshReason!
    cursor: String!
  }
  type Lagged {
    resumeAfter: String!
    missed: Int!
  }
  union EventStreamItem = EventDelivery | RefreshRequired | Lagged
  input EventFilter {
    symbol: String = null
  }
  type Subscription {
    events(filter: EventFilter = null): EventStreamItem!
  }
`;

const token = `qlt_${randomBytes(32).toString("base64url")}`;
const viewers = new Map([
  [
    `Bearer ${token}`,
    {
      userId: "usr_01m8k3rvrehax4q4877fq82dev",
      name: "operator",
      role: "OPERATOR",
      permissions: [
        "CHANGE_LIMITS",
        "MANAGE_ALERTS",
        "MANAGE_USERS",
        "OPERATE",
        "RESUME",
        "STOP_ANY",
        "STOP_OWN",
        "TRADE",
        "VIEW_ALL",
        "VIEW_OWN",
      ],
      tokenId: "tok_01m8k3rvx9p158b95ds6hj1p39",
      expiresAt: null,
    },
  ],
]);

// Decimals and times as ours writes them: without zeros at the end, and with microseconds.
const momentNow = () => new Date().toISOString().replace("Z", "000Z");
const received = { at: momentNow(), ms: Date.now() };
const quotes = Array.from({ length: SYMBOLS }, (_, number) => ({
  symbol: symbolOf(number),
  close: String(10 + number / 100),
  open: "10.5",
  high: "11.25",
  low: "10",
  volume: String(1_000 + number),
  marketTime: "2026-03-04T00:00:00Z",
  receivedAt: received.at,
  receivedMs: received.ms,
  source: "replay:prices.csv",
}));
const halts = [];

let position = 0; // of the newest event
let subscribed = 0;
let delivered = 0;

const resolvers = {
  Query: {
    me: (_, __, { viewer }) => ({
      id: viewer.userId,
      name: viewer.name,
      role: viewer.role,
      permissions: viewer.permissions,
      tokenId: viewer.tokenId,
      expiresAt: viewer.expiresAt,
    }),
    tradingState: () => ({ state: halts.length ? "HALTED" : "ACTIVE" }),
    latestCursor: () => cursorOf(position),
    marketData: () => {
      const freshSinceMs = Date.now() - STALE_AFTER_MS;
      return quotes.map((quote) => ({
        symbol: quote.symbol,
        last: quote.close,
        open: quote.open,
        high: quote.high,
        low: quote.low,
        volume: quote.volume,
        marketTime: quote.marketTime,
        receivedAt: quote.receivedAt,
        source: quote.source,
        stale: quote.receivedMs < freshSinceMs,
      }));
    },
  },
  Subscription: {
    events: {
      subscribe: withTopics
        ? (_, { filter }, { pubsub }) =>
            counted(pubsub.subscribe(filter?.symbol == null ? EVERYTHING : topicOf(filter.symbol)))
        : withFilter(
            (_, __, { pubsub }) => counted(pubsub.subscribe(EVERYTHING)),
            (row, { filter }) => filter?.symbol == null || filter.symbol === row.symbol,
          ),
      // Called once for each event and subscriber, when it was taken from the subscriber's queue.
      resolve: (row) => {
        delivered += 1;
        return {
          __typename: "EventDelivery",
          cursor: row.cursor,
          event: {
            id: row.id,
            type: row.type,
            priority: row.priority,
            userId: row.userId,
            symbol: row.symbol,
            entityId: row.entityId,
            payload: row.payload,
            createdAt: row.createdAt,
          },
        };
      },
    },
  },
};

/** Count a subscriber as long as its queue is open. */
async function counted(subscribing) {
  const queue = await subscribing;
  subscribed += 1;
  queue.once("close", () => {
    subscribed -= 1;
  });
  return queue;
}

function symbolOf(number) {
  return `S${String(number).padStart(3, "0")}`;
}

function topicOf(symbol) {
  return `${EVERYTHING}:${symbol}`;
}

function cursorOf(position) {
  return Buffer.from(`ldg_${"0".repeat(26)}:${position}:*`).toString("base64url");
}

/** The row of an event that is published now. */
function rowNow(symbol) {
  position += 1;
  // Of this size numbers are 256 ns apart, and still written as an integer of 19 digits.
  const atNs = Math.round((performance.timeOrigin + performance.now()) * 1e6);
  return {
    cursor: cursorOf(position),
    id: `evt_${String(position).padStart(26, "0")}`,
    type: "USER_ACTION",
    priority: "LOW",
    userId: null,
    symbol,
    entityId: "usr_bench",
    payload: { action: "bench", name: "x".repeat(100), at: atNs },
    createdAt: momentNow(),
  };
}

/** Publish to those of each filter whenever so many are there, with a pause or as fast as they are given it. */
async function publish(pubsub, subscribers, symbols, pauseMs) {
  let dueMs = 0;
  for (;;) {
    while (subscribed < subscribers) await wait(50);
    const given = delivered + subscribers;
    dueMs = await pause(dueMs, pauseMs);
    for (const symbol of symbols) {
      const payload = rowNow(symbol);
      pubsub.publish({ topic: EVERYTHING, payload });
      if (withTopics) pubsub.publish({ topic: topicOf(symbol), payload });
    }
    while (!pauseMs && delivered < given && subscribed >= subscribers) await turn();
  }
}

/** Wait until a moment and answer the next one; for no time, let the others have their turn. */
async function pause(dueMs, pauseMs) {
  const nowMs = performance.now();
  await (dueMs > nowMs ? wait(dueMs - nowMs) : turn());
  return Math.max(dueMs, nowMs) + pauseMs;
}

const app = Fastify();
app.register(mercurius, {
  schema: SCHEMA,
  resolvers,
  jit: 1,
  context: ({ headers }) => {
    const viewer = viewers.get(headers.authorization);
    if (!viewer) throw Object.assign(new Error("sign in first"), { statusCode: 401 });
    return { viewer };
  },
  subscription: {
    onConnect: ({ payload }) => {
      const viewer = viewers.get(payload?.authorization);
      return viewer && { viewer };
    },
  },
});
await app.listen({ host: "127.0.0.1", port: 0 });
if (subscribers) {
  const symbols = Array.from({ length: filters }, (_, number) => symbolOf(number));
  publish(app.graphql.pubsub, subscribers, symbols, perS ? 1_000 / perS : 0);
}
console.log(JSON.stringify({ port: app.server.address().port, token, process: process.pid }));
