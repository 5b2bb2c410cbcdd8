// What @graphql-eslint makes of schema.graphql: everything it recommends, for Relay too, but for what stands here.
import { fileURLToPath } from "node:url";

import graphql from "@graphql-eslint/eslint-plugin";

const schema = fileURLToPath(new URL("../../schema.graphql", import.meta.url));

// Things have an id of their own. These are no things: outcomes of a command, items of a stream, and values that are
// read with the thing they belong to, or that are only ever the newest of their kind.
const OUTCOMES = [
  "AlertChanged",
  "ApiTokenCreated",
  "ApiTokenRevoked",
  "BrokerCredentialStored",
  "ConfigUpdated",
  "EmergencyStopReport",
  "EventDiscarded",
  "EventRetried",
  "IdempotencyConflict",
  "OrderAccepted",
  "OrderCancelled",
  "OrderDenied",
  "OrderPreview",
  "Refused",
  "SignalAccepted",
  "StrategyChanged",
  "StrategyDeployed",
  "TradingResumed",
];
const STREAM_ITEMS = ["EventDelivery", "Lagged", "RefreshRequired"];
const VALUES = [
  "AuditVerification",
  "CausationNode",
  "CausationTree",
  "ComponentHealth",
  "EventBus",
  "EventTypeCount",
  "Figure",
  "HandlerFigures",
  "Handling",
  "Health",
  "LedgerHealth",
  "MetricSample",
  "OrderCheck",
  "Portfolio",
  "QueueDepth",
  "Quote",
  "RiskLimit",
  "RiskReason",
  "StrategyParameter",
  "TableSize",
  "TradingState",
];
const exceptions = {
  types: [...OUTCOMES, ...STREAM_ITEMS, ...VALUES, "PageInfo"],
  suffixes: ["Connection", "Edge"], // Relay's own, and without an id there, too
};

// There is no `node(id:)`: what may be seen is decided for each kind of thing, by the query of its name. And short lists
// whose bound is known (the orders of a stop, the components of the health) are lists, not connections.
const edges = { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false };

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      "@graphql-eslint/strict-id-in-types": [
        "error",
        { acceptedIdNames: ["id"], acceptedIdTypes: ["ID"], exceptions },
      ],
      "@graphql-eslint/relay-edge-types": ["error", edges],
    },
  },
];
