// The one client of the dashboard: single operations over HTTP, live ones over the page's WebSocket.
import { createCell, type Cell } from '../lib/cell'
import { deniesSession, postOperation } from '../lib/graphql-http'
import type { ConnectionState, LiveClient } from '../lib/live-client'

/** A generated document: its text, and the types of its result and variables. */
export interface Operation<Result, Variables> {
  toString(): string
  readonly __apiType?: ((variables: Variables) => Result) | undefined
}

export interface LiveSink<Result> {
  next(result: Result): void
  /** The server refused or ended it for good, in words. */
  failed(words: string): void
  /** The server ended it; it may be begun again. */
  ended(): void
}

export interface Client {
  readonly connection: Cell<ConnectionState>
  /** When an event came last that was an old one (milliseconds of the epoch): while they come, what was missed is replayed. */
  readonly replayedMs: Cell<number>
  /** Run a query or a mutation once and answer its data. Never repeats; rejects with OperationFailed. */
  ask<Result, Variables extends object>(operation: Operation<Result, Variables>, variables: Variables): Promise<Result>
  /** Follow a subscription across lost connections until the returned function is called. */
  follow<Result, Variables extends object>(
    operation: Operation<Result, Variables>,
    variables: Variables,
    sink: LiveSink<Result>,
  ): () => void
}

export class OperationFailed extends Error {}

interface Body {
  readonly data?: unknown
  readonly errors?: readonly { readonly message: string }[]
}

const AGAIN_MS = 500 // replays bring thousands: not each of them is told
const OLD_MS = 4_000 // of an event that comes live no more; the server's clock is known to a second

/** When the event that an item delivers was committed, if it is one. */
function committedMs(item: unknown): number | null {
  const at = (item as { events?: { event?: { createdAt?: unknown } } } | null)?.events?.event?.createdAt
  return typeof at === 'string' ? Date.parse(at) : null
}

export function createClient(graphqlAddress: string, live: LiveClient, onDoubt: () => void): Client {
  const replayedMs = createCell(0)
  let aheadMs = 0 // how far the server's clock is before ours
  return {
    connection: live.state,
    replayedMs,
    async ask<Result, Variables extends object>(operation: Operation<Result, Variables>, variables: Variables) {
      const answer = await postOperation(graphqlAddress, { query: operation.toString(), variables }).catch(() => {
        throw new OperationFailed('The engine does not answer.')
      })
      if (deniesSession(answer)) onDoubt()
      if (answer.serverMs !== null) aheadMs = answer.serverMs - Date.now()
      const body = answer.body as Body | null
      const fault = body?.errors?.[0]?.message
      if (fault !== undefined) throw new OperationFailed(fault)
      if (body?.data == null) throw new OperationFailed(`The engine answered ${answer.status} without data.`)
      return body.data as Result
    },
    follow<Result, Variables extends object>(
      operation: Operation<Result, Variables>,
      variables: Variables,
      sink: LiveSink<Result>,
    ) {
      const request = { query: operation.toString(), operationName: null, variables: { ...variables } as Record<string, unknown> }
      return live.subscribe(request, {
        next(result) {
          if (result.data == null) return sink.failed(wordsOf(result.errors))
          const committed = committedMs(result.data)
          const now = Date.now()
          if (committed !== null && now + aheadMs - committed > OLD_MS && now - replayedMs.get() > AGAIN_MS) replayedMs.set(now)
          sink.next(result.data as Result)
        },
        error: (reason) => sink.failed(wordsOf(reason)),
        complete: () => sink.ended(),
      })
    },
  }
}

function wordsOf(reason: unknown): string {
  const first: unknown = Array.isArray(reason) ? reason[0] : reason
  const message = (first as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : 'The engine ended the subscription.'
}
