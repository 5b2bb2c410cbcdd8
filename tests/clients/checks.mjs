// Small promises about a client, each told as a line of JSON: {"name": ..., "fault": null or words}.

/** Run checks one after another; one that fails or hangs is told and leaves the others to run. */
export async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    let timer;
    const late = new Promise((_, refuse) => {
      timer = setTimeout(() => refuse(new Error("not done within 20 s")), 20_000);
    });
    let fault = null;
    try {
      await Promise.race([check(), late]);
    } catch (error) {
      fault = String(error?.stack ?? error);
    } finally {
      clearTimeout(timer);
    }
    console.log(JSON.stringify({ name, fault }));
  }
}

export function equal(seen, expected, what = "") {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`);
}

export const ME = "{ me { name } }";
export const STATE = "subscription { tradingState { state } }";
export const PLACE = `
  mutation Place($id: String!) {
    submitOrder(input: { clientOrderId: $id, symbol: "AAPL", side: BUY, type: MARKET, quantity: "1" }) {
      __typename
      ... on OrderAccepted { order { id clientOrderId quantity } }
      ... on OrderDenied { code message }
    }
  }
`;
export const EVENTS = `
  subscription Events($after: String, $filter: EventFilter) {
    events(after: $after, filter: $filter) {
      __typename
      ... on EventDelivery { cursor event { id type payload } }
      ... on RefreshRequired { reason cursor }
      ... on Lagged { resumeAfter missed }
    }
  }
`;
export const OWN_ORDERS = { types: ["ORDER_CREATED", "ORDER_DENIED"] };
