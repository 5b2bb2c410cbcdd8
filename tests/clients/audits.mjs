// Runs every audit of the npm package graphql-http against a server and prints a line of JSON for each.
//   node audits.mjs URL TOKEN
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const fetchFn = (address, init = {}) =>
  fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  if (result.response?.body) await result.response.body.cancel().catch(() => {});
  console.log(JSON.stringify({ name: audit.name, status: result.status, reason: result.reason ?? null }));
}
