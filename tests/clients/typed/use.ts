// How a front end uses what was generated: every outcome of a union is told apart, and nothing is forgotten.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";

import {
  ChangeSettingDocument,
  LiveDocument,
  OrdersDocument,
  PlaceOrderDocument,
  SystemDocument,
} from "./generated";

type Outcome = ResultOf<typeof PlaceOrderDocument>["submitOrder"];
type Item = ResultOf<typeof LiveDocument>["events"];
type System = ResultOf<typeof SystemDocument>;
type Change = ResultOf<typeof ChangeSettingDocument>["updateConfig"];
type Line = ResultOf<typeof OrdersDocument>["orders"]["edges"][number]["node"];

export const order: VariablesOf<typeof PlaceOrderDocument> = {
  input: { clientOrderId: "first", symbol: "MSFT", side: "BUY", type: "MARKET", quantity: "10" },
};

export function said(outcome: Outcome): string {
  switch (outcome.__typename) {
    case "OrderAccepted":
      return `${outcome.order?.status} ${outcome.order?.quantity}`;
    case "OrderDenied":
      return outcome.reasons.map((reason) => `${reason.code} ${reason.limit ?? ""}`).join(", ");
    case "IdempotencyConflict":
      return `${outcome.message} ${outcome.existingId}`;
    default:
      return forgotten(outcome);
  }
}

export function cursorOf(item: Item): string {
  switch (item.__typename) {
    case "EventDelivery":
      return item.cursor;
    case "Lagged":
      return item.resumeAfter;
    case "RefreshRequired":
      return item.cursor;
    default:
      return forgotten(item);
  }
}

export function changed(change: Change): string {
  switch (change.__typename) {
    case "ConfigUpdated":
      return `${change.entry.key} is ${change.entry.value}, version ${change.entry.version}`;
    case "Refused":
      return change.code === "VERSION_CONFLICT" ? "somebody else was first" : change.message;
    default:
      return forgotten(change);
  }
}

export const changeOf = ({ config }: System, key: string, value: string): VariablesOf<typeof ChangeSettingDocument> => ({
  input: { key, value, expectedVersion: config.find((entry) => entry.key === key)?.version ?? null, reason: "asked" },
});

export const faults = ({ health }: System): string[] =>
  health.components.filter((part) => part.status !== "UP").map((part) => `${part.name}: ${part.reason}`);

export const price = (line: Line): string => line.limitPrice ?? "market";

function forgotten(never: never): never {
  throw new Error(String(never));
}
