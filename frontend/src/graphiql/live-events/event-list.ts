// The list of the live pane as a pure fold of what the subscription delivers; called by event-feed.ts.

export interface TradingEvent {
  readonly type: string
  readonly priority: string
  readonly symbol: string | null
  readonly createdAt: string
  readonly payload: unknown
}

export type EventItem =
  | { readonly __typename: 'EventDelivery'; readonly cursor: string; readonly event: TradingEvent }
  | { readonly __typename: 'RefreshRequired'; readonly reason: string; readonly cursor: string | null }
  | { readonly __typename: 'Lagged'; readonly resumeAfter: string | null; readonly missed: number | null }

export type Row =
  | { readonly key: number; readonly kind: 'event'; readonly event: TradingEvent }
  | { readonly key: number; readonly kind: 'remark'; readonly text: string }

export interface EventList {
  /** Newest first. */
  readonly rows: readonly Row[]
  readonly received: number
  readonly cursor: string | null
  readonly fault: string | null
}

export const EMPTY_LIST: EventList = { rows: [], received: 0, cursor: null, fault: null }

/** Rows kept on the page; older ones are one `eventHistory` query away. */
export const MOST_ROWS = 200

/** Add an item: a row, and the place to go on from. */
export function withItem(list: EventList, item: EventItem): EventList {
  const received = list.received + 1
  const rows = [rowOf(item, received), ...list.rows].slice(0, MOST_ROWS)
  return { rows, received, cursor: cursorAfter(item) ?? list.cursor, fault: null }
}

function rowOf(item: EventItem, key: number): Row {
  switch (item.__typename) {
    case 'EventDelivery':
      return { key, kind: 'event', event: item.event }
    case 'RefreshRequired':
      return { key, kind: 'remark', text: `Events before this line can't be replayed: ${item.reason}` }
    case 'Lagged':
      return { key, kind: 'remark', text: 'This page was too slow; it goes on from the last event it has.' }
  }
}

function cursorAfter(item: EventItem): string | null {
  return item.__typename === 'Lagged' ? item.resumeAfter : item.cursor
}
