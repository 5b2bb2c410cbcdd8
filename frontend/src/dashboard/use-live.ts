// The one way in which a view follows the engine: a state that items are folded into, at most once a frame.
import { createContext, useContext, useEffect, useMemo, useRef, useState } from 'react'
import type { Client, Operation } from './client'
import { useCell } from '../lib/cell'
import { LiveEventsDocument, type EventFilter, type EventType } from '../generated/operations'
import { createTradingEngineService, type TradingEngineService } from './trading-engine-service'

const NOTHING_MS = 2_000 // of a live connection on which nothing came: there is nothing
const LATE_MS = 500 // a page that nobody sees has no frames, and must not keep what comes for the next one
const AGAIN_MS = 1_000 // a server that ends a stream again and again is asked at most this often

export const ClientContext = createContext<Client | null>(null)

export function useClient(): Client {
  const client = useContext(ClientContext)
  if (client === null) throw new Error('no client: wrap the view in ClientContext')
  return client
}

/** What can be done with the engine, over the client of the page. */
export function useService(): TradingEngineService {
  const client = useClient()
  return useMemo(() => createTradingEngineService(client), [client])
}

export interface Live<State> {
  readonly state: State
  /** Whether anything has come yet, or nothing will for now. */
  readonly isReady: boolean
  /** Since when (milliseconds of the epoch) what is shown is not live, or null while it is. */
  readonly staleSince: number | null
  readonly fault: string | null
}

/**
 * Follow a subscription and fold its items into a state. `begin` makes the state that a stream's first items are folded
 * into, given what was shown before; `variablesOf` says what to ask for then: a stream of facts goes on after its cursor.
 */
export function useLive<Item, Variables extends object, State>(
  operation: Operation<Item, Variables>,
  variablesOf: (state: State) => Variables,
  begin: (kept: State | undefined) => State,
  fold: (state: State, item: Item) => State,
): Live<State> {
  const client = useClient()
  const connection = useCell(client.connection)
  const [shown, setShown] = useState(() => ({ state: begin(undefined), isReady: false, fault: null as string | null }))
  const folding = useRef({ begin, fold, variablesOf })
  const current = useRef(shown.state)
  useEffect(() => {
    folding.current = { begin, fold, variablesOf }
    current.current = shown.state
  })

  useEffect(() => {
    let waiting: Item[] = []
    let frame = 0
    let late: ReturnType<typeof setTimeout> | undefined
    let again: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    let end = (): void => undefined

    function show(): void {
      cancelAnimationFrame(frame)
      clearTimeout(late)
      frame = 0
      const items = waiting
      waiting = []
      setShown((before) => ({ state: items.reduce(folding.current.fold, before.state), isReady: true, fault: null }))
    }
    function follow(): void {
      const state = folding.current.begin(current.current)
      setShown((before) => ({ ...before, state }))
      end = client.follow(operation, folding.current.variablesOf(state), {
        next(item) {
          waiting.push(item)
          if (frame !== 0) return
          frame = requestAnimationFrame(show)
          late = setTimeout(show, LATE_MS)
        },
        failed(words) {
          setShown((before) => ({ ...before, fault: words }))
          again = setTimeout(follow, AGAIN_MS)
        },
        ended() {
          if (!isOver) again = setTimeout(follow, AGAIN_MS)
        },
      })
    }
    follow()
    return () => {
      isOver = true
      clearTimeout(again)
      cancelAnimationFrame(frame)
      clearTimeout(late)
      end()
    }
  }, [client, operation])

  useEffect(() => {
    if (connection !== 'connected') return
    const timer = setTimeout(() => setShown((before) => (before.isReady ? before : { ...before, isReady: true })), NOTHING_MS)
    return () => clearTimeout(timer)
  }, [connection])

  return { ...shown, staleSince: useSince(connection === 'reconnecting' || (connection !== 'connected' && shown.isReady)) }
}

/** Since when something holds, or null while it does not. */
export function useSince(holds: boolean): number | null {
  const [since, setSince] = useState<number | null>(null)
  useEffect(() => setSince((before) => (holds ? (before ?? Date.now()) : null)), [holds])
  return since
}

export interface Answer<Result> {
  readonly data: Result | null
  readonly fault: string | null
  readonly refresh: () => void
}

/** Ask a query, and again whenever `version` changes; what was answered last stays until then. */
export function useAnswer<Result, Variables extends object>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  version: unknown,
): Answer<Result> {
  const client = useClient()
  const [answer, setAnswer] = useState<{ data: Result | null; fault: string | null }>({ data: null, fault: null })
  const [turn, setTurn] = useState(0)
  const key = JSON.stringify(variables)
  useEffect(() => {
    let isOver = false
    client.ask(operation, JSON.parse(key) as Variables).then(
      (data) => isOver || setAnswer({ data, fault: null }),
      (error: unknown) => isOver || setAnswer((before) => ({ ...before, fault: String((error as Error).message) })),
    )
    return () => void (isOver = true)
  }, [client, operation, key, version, turn])
  return { ...answer, refresh: () => setTurn((before) => before + 1) }
}

export interface Changes {
  /** Grows when something happened: what a list is asked anew by. */
  readonly version: number
  readonly staleSince: number | null
}

const NOT_AGAIN_MS = 1_000

/** Notice that events of some types happened: at once, then at most once a second; and that a lost connection is back. */
export function useChanges(types: readonly EventType[], entityId: string | null = null): Changes {
  const filter: EventFilter = { types: [...types], ...(entityId === null ? {} : { entityId }) }
  const live = useLive(
    LiveEventsDocument,
    () => ({ filter }),
    (kept: number | undefined) => (kept ?? 0) + 1,
    (count) => count + 1,
  )
  return { version: useThrottled(live.state, NOT_AGAIN_MS) + (live.staleSince === null ? 0 : 0.5), staleSince: live.staleSince }
}

/** A value that follows another at once, and then not again for so long. */
function useThrottled(value: number, forMs: number): number {
  const [shown, setShown] = useState(value)
  const last = useRef(0)
  useEffect(() => {
    const wait = Math.max(0, last.current + forMs - Date.now())
    const timer = setTimeout(() => {
      last.current = Date.now()
      setShown(value)
    }, wait)
    return () => clearTimeout(timer)
  }, [value, forMs])
  return shown
}

/** A number that grows every so often while the page is looked at. */
export function useTurn(everyMs: number): number {
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && setTurn((before) => before + 1), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return turn
}
