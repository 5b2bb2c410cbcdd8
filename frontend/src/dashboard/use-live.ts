// The one way in which a view follows the engine: a state that items are folded into, at most once a frame.
import { createContext, useContext, useEffect, useRef, useState } from 'react'
import type { Client, Operation } from './client'
import { useCell } from '../lib/cell'

const AGAIN_MS = 1_000 // a server that ends a stream again and again is asked at most this often

export const ClientContext = createContext<Client | null>(null)

export function useClient(): Client {
  const client = useContext(ClientContext)
  if (client === null) throw new Error('no client: wrap the view in ClientContext')
  return client
}

export interface Live<State> {
  readonly state: State
  /** Whether anything has come yet. */
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
    let again: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    let end = (): void => undefined

    function show(): void {
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
          frame ||= requestAnimationFrame(show)
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
      end()
    }
  }, [client, operation])

  return { ...shown, staleSince: useSince(connection !== 'connected' && shown.isReady) }
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
