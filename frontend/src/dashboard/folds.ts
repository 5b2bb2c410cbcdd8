// Pure folds: how what comes live changes what is shown. Each is given a state and an item, and answers a new state.
import type { EventLineFragment, LiveAlertsSubscription, LiveEventsSubscription, LiveOrdersSubscription, LivePositionsSubscription, LivePricesSubscription } from '../generated/operations'

export type OrderLine = LiveOrdersSubscription['orders']
export type PositionLine = LivePositionsSubscription['positions']
export type AlertLine = LiveAlertsSubscription['alerts']
export type EventLine = EventLineFragment

export type ById<Line> = ReadonlyMap<string, Line>

export const WORKING = ['CREATED', 'SUBMITTED', 'PARTIALLY_FILLED'] as const satisfies readonly OrderLine['status'][]
export const MOST_EVENTS = 1_000 // lines kept of those that came live
export const MOST_DONE = 20 // orders kept that are done

function put<Line extends { id: string }>(lines: ById<Line>, line: Line): Map<string, Line> {
  const next = new Map(lines)
  next.set(line.id, line)
  return next
}

export function isWorking(order: OrderLine): boolean {
  return (WORKING as readonly string[]).includes(order.status)
}

/** Keep working orders, and the newest of those that are done. */
export function withOrder(orders: ById<OrderLine>, { orders: order }: LiveOrdersSubscription): ById<OrderLine> {
  const next = put(orders, order)
  const done = [...next.values()].filter((each) => !isWorking(each)).sort(newestFirst)
  for (const old of done.slice(MOST_DONE)) next.delete(old.id)
  return next
}

/** Keep open positions. */
export function withPosition(positions: ById<PositionLine>, { positions: position }: LivePositionsSubscription): ById<PositionLine> {
  const next = put(positions, position)
  if (position.closedAt !== null || Number(position.quantity) === 0) next.delete(position.id)
  return next
}

export type PriceLine = LivePricesSubscription['marketData']

/** Keep the latest price of each symbol. */
export function withPrice(prices: ReadonlyMap<string, PriceLine>, { marketData: quote }: LivePricesSubscription): ReadonlyMap<string, PriceLine> {
  return new Map(prices).set(quote.symbol, quote)
}

/**
 * Value a position at the latest price, as the engine does: quantity times price, and what it would gain over its
 * average price. The engine tells a position when it changes, and prices as they move.
 */
export function atPrice(position: PositionLine, price: PriceLine | undefined): PositionLine {
  if (price === undefined) return position
  const quantity = Number(position.quantity)
  return {
    ...position,
    marketPrice: price.last,
    marketValue: String(quantity * Number(price.last)),
    unrealizedPnl: String(quantity * (Number(price.last) - Number(position.averagePrice))),
  }
}

/** Keep alerts that still stand. */
export function withAlert(alerts: ById<AlertLine>, { alerts: alert }: LiveAlertsSubscription): ById<AlertLine> {
  const next = put(alerts, alert)
  if (alert.status === 'RESOLVED') next.delete(alert.id)
  return next
}

export interface Ticker {
  readonly lines: readonly EventLine[] // the newest first
  readonly cursor: string | null // where it goes on
  readonly notice: string | null
}

export const QUIET: Ticker = { lines: [], cursor: null, notice: null }

/** Put an event on top; a stream that could not be gone on with says so. */
export function withEvent(ticker: Ticker, { events: item }: LiveEventsSubscription): Ticker {
  switch (item.__typename) {
    case 'EventDelivery':
      return { lines: [item.event, ...ticker.lines].slice(0, MOST_EVENTS), cursor: item.cursor, notice: null }
    case 'Lagged':
      return { ...ticker, cursor: item.resumeAfter, notice: `${item.missed} events are being caught up with.` }
    case 'RefreshRequired':
      return { lines: [], cursor: item.cursor, notice: 'The journal could not be gone on with; what happened meanwhile is in the history.' }
  }
}

export function newestFirst(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? 1 : one.id > other.id ? -1 : 0 // ids begin with the time of their making
}

const LEVELS: readonly string[] = ['CRITICAL', 'ERROR', 'WARNING', 'INFO']

/** The worst first, then the newest. */
export function byLevel(one: AlertLine, other: AlertLine): number {
  return LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level) || newestFirst(one, other)
}
