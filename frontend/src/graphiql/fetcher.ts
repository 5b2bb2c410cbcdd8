// How GraphiQL's operations reach the server: subscriptions over the socket, everything else once over HTTP.
import type { Fetcher, FetcherParams, SyncExecutionResult } from '@graphiql/toolkit'
import { Kind, parse, type OperationDefinitionNode } from 'graphql'
import { deniesSession, postOperation } from '../lib/graphql-http'
import type { LiveClient, LiveSink } from '../lib/live-client'

/** The operation that will run; an error where the document holds several and none is named. */
export function chosenOperation(query: string, operationName: string | null): OperationDefinitionNode {
  const operations = parse(query).definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION)
  const named = operations.filter((node) => operationName === null || node.name?.value === operationName)
  const [only] = named.length === 0 && operations.length === 1 ? operations : named
  if (only === undefined || named.length > 1)
    throw new Error('Several operations are in this tab: put the cursor into the one to run, or choose it from the menu.')
  return only
}

export function createFetcher(address: string, live: LiveClient, onDoubt: () => void): Fetcher {
  return (parameters) => {
    const operation = operationOrFault(parameters)
    if (operation instanceof Error) return fault(operation.message)
    const exact = { ...parameters, operationName: operation.name?.value ?? null }
    return operation.operation === 'subscription' ? liveResults(live, exact) : answer(address, exact, onDoubt)
  }
}

async function answer(address: string, parameters: FetcherParams, onDoubt: () => void): Promise<SyncExecutionResult> {
  try {
    const reply = await postOperation(address, parameters)
    if (deniesSession(reply)) onDoubt()
    return reply.body as SyncExecutionResult
  } catch {
    onDoubt()
    return fault(
      'The server did not answer. The operation was sent once and is not repeated by this page. Before you repeat ' +
        'a mutation, look whether it took effect; with the same client id it takes effect once.',
    )
  }
}

function operationOrFault({ query, operationName }: FetcherParams): OperationDefinitionNode | Error {
  try {
    return chosenOperation(query, operationName ?? null)
  } catch (error) {
    return error as Error
  }
}

/** A fault of our own in the shape of an answer: GraphiQL would print a thrown error with its stack. */
function fault(message: string): Promise<SyncExecutionResult> {
  return Promise.resolve({ errors: [{ message }] } as unknown as SyncExecutionResult)
}

function liveResults(live: LiveClient, parameters: FetcherParams): SyncExecutionResult {
  const operation = {
    query: parameters.query,
    operationName: parameters.operationName ?? null,
    variables: (parameters.variables ?? {}) as Record<string, unknown>,
  }
  // GraphiQL always subscribes with one object of three callbacks; its type allows older spellings too.
  return { subscribe: (sink: LiveSink) => ({ unsubscribe: live.subscribe(operation, sink) }) } as SyncExecutionResult
}
