// The one WebSocket of a page (graphql-transport-ws) and its visible state; created by a page once signed in.
import { createClient, type Client } from 'graphql-ws'
import { createCell, type Cell } from './cell'
import { cursorOf, takesCursor } from './resume'

export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

export interface LiveResult {
  readonly data?: unknown
  readonly errors?: readonly { readonly message: string }[] | undefined
}

export interface LiveSink {
  next(result: LiveResult): void
  error(reason: unknown): void
  complete(): void
}

export interface LiveOperation {
  readonly query: string
  readonly operationName: string | null
  readonly variables: Record<string, unknown>
}

export interface LiveClient {
  readonly state: Cell<ConnectionState>
  subscribe(operation: LiveOperation, sink: LiveSink): () => void
  /** End every subscription and the socket: whoever signs out must see nothing more. */
  endAll(): void
}

const KEEP_ALIVE_MS = 10_000
const PONG_WAIT_MS = 5_000
// A tab switch in GraphiQL ends one subscription just before the next begins; the socket survives that gap.
const IDLE_CLOSE_MS = 3_000
const LONGEST_RETRY_MS = 15_000
// Close codes by which the server says that this session may not (any longer) listen.
const SIGNED_OUT_CODES: readonly number[] = [4401, 4403]

/** Wait longer with every failure, each browser by another amount, so that a restarted server is not stormed. */
export function retryDelayMs(failures: number, random: number): number {
  const longest = Math.min(LONGEST_RETRY_MS, 500 * 2 ** Math.min(failures, 10))
  return longest / 2 + (longest / 2) * random
}

export function createLiveClient(address: string, onDoubt: () => void): LiveClient {
  const state = createCell<ConnectionState>('closed')
  const client = createClient({
    url: address,
    lazy: true,
    lazyCloseTimeout: IDLE_CLOSE_MS,
    keepAlive: KEEP_ALIVE_MS,
    connectionAckWaitTimeout: 10_000,
    retryAttempts: Infinity,
    retryWait: (failures) =>
      new Promise((resolve) => setTimeout(resolve, retryDelayMs(failures, Math.random()))),
    shouldRetry: (reason) => !SIGNED_OUT_CODES.includes(closeCodeOf(reason) ?? 0),
  })
  const running = new Set<() => void>()
  watchConnection(client, state, () => running.size > 0, onDoubt)
  watchPongs(client)
  return {
    state,
    subscribe: (operation, sink) => {
      const end = subscribeResuming(client, operation, {
        next: (result) => sink.next(result),
        error: (reason) => void (running.delete(end), sink.error(reason)),
        complete: () => void (running.delete(end), sink.complete()),
      })
      running.add(end)
      return end
    },
    endAll() {
      for (const end of [...running]) end()
      running.clear()
      client.terminate()
    },
  }
}

function watchConnection(client: Client, state: Cell<ConnectionState>, isWanted: () => boolean, onDoubt: () => void): void {
  client.on('connecting', (isRetry) => state.set(isRetry ? 'reconnecting' : 'connecting'))
  client.on('connected', () => state.set('connected'))
  client.on('closed', (event) => {
    const code = closeCodeOf(event)
    state.set(isWanted() && !isFinal(code) ? 'reconnecting' : 'closed')
    // A refused handshake looks like any lost connection (1006), so the session is asked for after each.
    if (code !== 1000) onDoubt()
  })
}

/** End a connection whose other side went silent without closing it: a stopped server, a lost network. */
function watchPongs(client: Client): void {
  let silence: ReturnType<typeof setTimeout> | undefined
  client.on('ping', (received) => {
    if (received) return
    clearTimeout(silence)
    silence = setTimeout(() => client.terminate(), PONG_WAIT_MS)
  })
  client.on('pong', (received) => {
    if (received) clearTimeout(silence)
  })
  client.on('closed', () => clearTimeout(silence))
}

function subscribeResuming(client: Client, operation: LiveOperation, sink: LiveSink): () => void {
  const resumable = takesCursor(operation.query, operation.operationName)
  // graphql-ws sends this very object again after a reconnect; moving its cursor along leaves no gap.
  const payload: { -readonly [Key in keyof LiveOperation]: LiveOperation[Key] } = { ...operation, variables: { ...operation.variables } }
  return client.subscribe(payload, {
    next(result) {
      const cursor = resumable ? cursorOf(result) : null
      if (cursor !== null) payload.variables = { ...payload.variables, after: cursor }
      sink.next(result)
    },
    error: (reason) => sink.error(readableReason(reason)),
    complete: () => sink.complete(),
  })
}

/** Codes 4400 to 4498 are the server's refusals; graphql-ws gives up on most, so the bar must not promise a retry. */
function isFinal(code: number | null): boolean {
  return code === 1000 || (code !== null && code >= 4400 && code < 4499)
}

function closeCodeOf(reason: unknown): number | null {
  const code = (reason as { code?: unknown } | null)?.code
  return typeof code === 'number' ? code : null
}

/** Why a subscription ended, as something with a message; errors of GraphQL itself are passed on. */
function readableReason(reason: unknown): unknown {
  const code = closeCodeOf(reason)
  if (code === null || reason instanceof Error) return reason
  if (SIGNED_OUT_CODES.includes(code)) return { message: 'Signed out: the server no longer accepts this session.' }
  const said = (reason as { reason?: unknown }).reason
  return { message: `The server closed the live connection (${code}${said ? `: ${String(said)}` : ''}).` }
}
