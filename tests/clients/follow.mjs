// Follows events with graphql-ws across restarts of the engine, as its documentation shows it, and prints each event's id.
//   node follow.mjs URL TOKEN CURSOR
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { EVENTS } from "./checks.mjs";

const [url, token, cursor] = process.argv.slice(2);
let after = cursor;
process.stdin.resume().on("end", () => process.exit(0)); // whoever started it is gone

const client = createClient({
  url: url.replace("http", "ws"),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
});

for (;;) {
  try {
    for await (const { data } of client.iterate({ query: EVENTS, variables: { after } })) {
      const item = data.events;
      if (item.__typename === "EventDelivery") {
        console.log(item.event.id);
        after = item.cursor;
      } else if (item.__typename === "Lagged") {
        after = item.resumeAfter;
      } else {
        throw new Error(item.reason);
      }
    }
  } catch (closed) {
    console.error(`closed: ${closed.code ?? closed}`);
  }
  await new Promise((done) => setTimeout(done, 100 + 200 * Math.random()));
}
