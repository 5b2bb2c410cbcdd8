// Writes src/generated/operations.ts: a type and a document for every operation in a .graphql file below src/dashboard.
// Called by npm before it builds, checks types or tests.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'

import { codegen } from '@graphql-codegen/core'
import * as typedDocumentNode from '@graphql-codegen/typed-document-node'
import * as typescriptOperations from '@graphql-codegen/typescript-operations'
import { parse } from 'graphql'

const folder = new URL('src/dashboard/', import.meta.url)
const file = new URL('src/generated/operations.ts', import.meta.url)
const documents = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.graphql'))
  .sort()
  .map((name) => ({ location: name, document: parse(readFileSync(new URL(name, folder), 'utf8')) }))

const written = await codegen({
  filename: file.pathname,
  schema: parse(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')),
  documents,
  config: {
    strictScalars: true,
    useTypeImports: true,
    // Documents stay texts: no parser is shipped to write them out again.
    documentMode: 'string',
    scalars: { Decimal: 'string', Date: 'string', DateTime: 'string', JSON: 'unknown', ID: 'string' },
  },
  plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
  pluginMap: { typescriptOperations, typedDocumentNode },
})
mkdirSync(new URL('.', file), { recursive: true })
writeFileSync(file, written)
