// Keeps the live pane's subscription running while the pane is open; created by explorer.tsx.
import { createCell, type Cell } from '../../lib/cell'
import type { LiveClient } from '../../lib/live-client'
import { EMPTY_LIST, withItem, type EventItem, type EventList } from './event-list'
import query from './live-events.graphql?raw'

export interface EventFeed {
  readonly list: Cell<EventList>
  /** Listen until the returned function is called; a later call goes on after the last event seen. */
  listen(): () => void
  clear(): void
}

// A server that ends the stream again and again (Lagged) is asked at most once in this time.
const PAUSE_MS = 1_000

export function createEventFeed(live: LiveClient): EventFeed {
  const list = createCell<EventList>(EMPTY_LIST)

  function subscribe(onComplete: () => void): () => void {
    const operation = { query, operationName: 'LiveEventsPane', variables: { after: list.get().cursor } }
    return live.subscribe(operation, {
      next(result) {
        const item = (result.data as { events?: EventItem } | null | undefined)?.events
        if (item) list.set(withItem(list.get(), item))
        else list.set({ ...list.get(), fault: faultOf(result.errors) })
      },
      error: (reason) => list.set({ ...list.get(), fault: faultOf(reason) }),
      complete: onComplete,
    })
  }

  return {
    list,
    listen() {
      let listening = true
      let pause: ReturnType<typeof setTimeout> | undefined
      let end = subscribe(again)
      function again(): void {
        // Ending it ourselves completes it too.
        if (listening) pause = setTimeout(() => (end = subscribe(again)), PAUSE_MS)
      }
      return () => {
        listening = false
        clearTimeout(pause)
        end()
      }
    },
    clear: () => list.set({ ...EMPTY_LIST, cursor: list.get().cursor }),
  }
}

function faultOf(reason: unknown): string {
  const first: unknown = Array.isArray(reason) ? reason[0] : reason
  const message = (first as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : 'The server ended the subscription.'
}
