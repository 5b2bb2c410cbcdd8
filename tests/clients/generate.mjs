// Writes TypeScript for schema.graphql and the operations beside this file, with the plugins of graphql-codegen.
//   node generate.mjs SCHEMA FILE
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const [schema, file] = process.argv.slice(2);
const folder = new URL("operations/", import.meta.url);
const documents = readdirSync(folder).map((name) => ({
  location: name,
  document: parse(readFileSync(new URL(name, folder), "utf8")),
}));

const written = await codegen({
  filename: file,
  schema: parse(readFileSync(schema, "utf8")),
  documents,
  config: {
    strictScalars: true,
    useTypeImports: true,
    scalars: { Decimal: "string", Date: "string", DateTime: "string", JSON: "unknown", ID: "string" },
  },
  plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
  pluginMap: { typescriptOperations, typedDocumentNode },
});
writeFileSync(file, written);
