// What four client libraries do with an engine.   node clients.mjs URL TOKEN NAME
import { createHash } from "node:crypto";

import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSseClient } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { EVENTS, ME, OWN_ORDERS, PLACE, STATE, equal, run } from "./checks.mjs";

const [url, token, NAME] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
globalThis.WebSocket ??= WebSocket; // Apollo looks for it before Node.js 22

const FAULTY = "{ nonsense }";
const NOBODY = { authorization: "Bearer qlt_nothing" };

const sockets = (options = {}) =>
  createClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: headers,
    retryAttempts: 0,
    ...options,
  });

/** The first result of a graphql-ws or graphql-sse operation. */
const first = async (client, query, variables = {}) => {
  for await (const result of client.iterate({ query, variables })) return result;
  throw new Error("no result");
};

/** The event of an order; the engine's own protective orders may come between. */
const seen = async (events, id) => {
  for await (const { data } of events) {
    const item = data.events;
    equal(item.__typename, "EventDelivery");
    if (item.event.payload.clientOrderId === id) return item;
  }
  throw new Error("the subscription ended");
};

/** An order's id is one of this run's own: the same again would answer the same order. */
const own = (name) => `${name}-${process.pid}`;

await run({
  "graphql-ws: a query and its completion": async () => {
    const client = sockets();
    const results = [];
    for await (const result of client.iterate({ query: ME })) results.push(result);
    equal(results, [{ data: { me: { name: NAME } } }]);
    await client.dispose();
  },
  "graphql-ws: a mutation, and its event live": async () => {
    const client = sockets();
    const { data } = await first(client, "{ latestCursor }");
    const events = client.iterate({
      query: EVENTS,
      variables: { after: data.latestCursor, filter: OWN_ORDERS },
    });
    const placed = await first(client, PLACE, { id: own("ws") });
    equal(placed.data.submitOrder.__typename, "OrderAccepted");
    await seen(events, own("ws")); // leaving its loop completes the subscription
    await client.dispose();
  },
  "graphql-ws: a faulty operation leaves the others alone": async () => {
    const client = sockets({ lazy: false });
    const live = client.iterate({ query: STATE });
    equal((await live.next()).value.data.tradingState.state, "ACTIVE");
    const errors = await first(client, FAULTY).then(
      () => [],
      (refused) => refused,
    );
    equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    equal((await first(client, ME)).data.me.name, NAME);
    await live.return();
    await client.dispose();
  },
  "graphql-ws: one socket serves again and again": async () => {
    let opened = 0;
    const client = sockets({ lazy: false, on: { opened: () => (opened += 1) } });
    for (let round = 0; round < 3; round += 1) {
      const live = client.iterate({ query: STATE });
      equal((await live.next()).value.data.tradingState.state, "ACTIVE");
      await live.return();
      equal((await first(client, ME)).data.me.name, NAME);
    }
    equal(opened, 1, "sockets");
    await client.dispose();
  },
  "graphql-ws: pings are answered": async () => {
    let answered;
    const pong = new Promise((done) => (answered = done));
    const client = sockets({ lazy: false, keepAlive: 50, on: { pong: (received) => received && answered() } });
    await pong;
    await client.dispose();
  },
  "graphql-ws: a token that proves nothing is told by its code": async () => {
    const client = sockets({ connectionParams: NOBODY });
    const closed = await first(client, ME).catch((event) => event);
    equal([closed.code, closed.reason.startsWith("Forbidden")], [4403, true]);
    await client.dispose();
  },
  "Apollo: query, mutation and errors over HTTP": async () => {
    const client = new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache: new InMemoryCache() });
    equal((await client.query({ query: gql(ME) })).data.me.name, NAME);
    const placed = await client.mutate({ mutation: gql(PLACE), variables: { id: own("apollo") } });
    equal(placed.data.submitOrder.order.clientOrderId, own("apollo"));
    const refused = await client.query({ query: gql(FAULTY) }).catch((error) => error);
    equal(CombinedGraphQLErrors.is(refused), true, "errors");
    equal(refused.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    client.stop();
  },
  "Apollo: a document is sent once, and then named by its hash": async () => {
    const sent = [];
    const watched = (input, init) => (sent.push(init?.body ?? input), fetch(input, init));
    const hashed = createPersistedQueryLink({ sha256: (text) => createHash("sha256").update(text).digest("hex") });
    const link = hashed.concat(new HttpLink({ uri: url, headers, fetch: watched }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const ask = () => client.query({ query: gql`query Named { me { name role } }`, fetchPolicy: "no-cache" });
    equal((await ask()).data.me.name, NAME);
    equal((await ask()).data.me.name, NAME);
    equal(sent.map((body) => body.includes("query Named")), [false, true, false]); // unknown, sent, known
    client.stop();
  },
  "Apollo: a token that proves nothing is told by its code": async () => {
    const link = new HttpLink({ uri: url, headers: NOBODY });
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const refused = await client.query({ query: gql(ME) }).catch((error) => error);
    equal(refused.errors[0].extensions.code, "UNAUTHENTICATED");
    client.stop();
  },
  "Apollo: a subscription over its WebSocket link": async () => {
    const socket = sockets();
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
    const { data } = await client.query({ query: gql("{ latestCursor }") });
    const told = new Promise((done, refuse) => {
      client
        .subscribe({ query: gql(EVENTS), variables: { after: data.latestCursor, filter: OWN_ORDERS } })
        .subscribe({
          next: ({ data: { events } }) => events.event?.payload.clientOrderId === own("link") && done(events),
          error: refuse,
        });
    });
    await client.mutate({ mutation: gql(PLACE), variables: { id: own("link") } });
    equal((await told).__typename, "EventDelivery");
    client.stop();
    await socket.dispose();
  },
  "urql: query, mutation and errors, whatever its Accept names": async () => {
    const client = new Client({ url, fetchOptions: { headers }, exchanges: [fetchExchange], preferGetMethod: false });
    equal((await client.query(ME, {}).toPromise()).data.me.name, NAME);
    const placed = await client.mutation(PLACE, { id: own("urql") }).toPromise();
    equal(placed.data.submitOrder.order.clientOrderId, own("urql"));
    const refused = await client.query(FAULTY, {}).toPromise();
    equal(refused.error.graphQLErrors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  },
  "urql: queries by GET": async () => {
    const client = new Client({ url, fetchOptions: { headers }, exchanges: [fetchExchange], preferGetMethod: "force" });
    equal((await client.query(ME, {}).toPromise()).data.me.name, NAME);
  },
  "urql: a token that proves nothing is told by its code": async () => {
    const fetchOptions = { headers: NOBODY };
    const client = new Client({ url, fetchOptions, exchanges: [fetchExchange], preferGetMethod: false });
    const refused = await client.query(ME, {}).toPromise();
    equal(refused.error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
  },
  "urql: a subscription": async () => {
    const socket = sockets();
    const forward = subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink) }),
      }),
    });
    const client = new Client({ url, fetchOptions: { headers }, exchanges: [forward, fetchExchange] });
    const first = new Promise((done) => {
      const { unsubscribe } = client.subscription(STATE, {}).subscribe((result) => {
        done(result);
        queueMicrotask(() => unsubscribe());
      });
    });
    equal((await first).data.tradingState.state, "ACTIVE");
    await socket.dispose();
  },
  "graphql-sse: a query, a mutation and a subscription": async () => {
    const client = createSseClient({ url: `${url}/stream`, headers, retryAttempts: 0 });
    equal((await first(client, ME)).data.me.name, NAME);
    const { data } = await first(client, "{ latestCursor }");
    const events = client.iterate({
      query: EVENTS,
      variables: { after: data.latestCursor, filter: OWN_ORDERS },
    });
    await first(client, PLACE, { id: own("sse") });
    await seen(events, own("sse")); // leaving its loop ends the stream
    const refused = await first(client, FAULTY);
    equal(refused.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    client.dispose();
  },
  "graphql-sse: a token that proves nothing is told by its status": async () => {
    const client = createSseClient({ url: `${url}/stream`, headers: NOBODY, retryAttempts: 0 });
    const refused = await first(client, ME).catch((error) => error);
    equal(refused.response?.status, 401);
    client.dispose();
  },
});
process.exit(0);
