// How an order is said: which way, what, at what price; and which events are about one.
import type { EventType } from '../../generated/operations'
import type { OrderLine } from '../folds'
import { figure, words } from '../format'

/** What happens to orders: a list of them is asked anew by these. */
export const ORDER_EVENTS: readonly EventType[] = [
  'ORDER_CREATED',
  'ORDER_SUBMITTED',
  'ORDER_PARTIALLY_FILLED',
  'ORDER_FILLED',
  'ORDER_CANCEL_REQUESTED',
  'ORDER_CANCELLED',
  'ORDER_REJECTED',
  'ORDER_DENIED',
  'ORDER_EXPIRED',
]

/** The price an order asks for; a market order asks for none. */
export function askedPrice(order: Pick<OrderLine, 'limitPrice' | 'stopPrice'>): string {
  const price = order.limitPrice ?? order.stopPrice
  return price === null ? 'market' : figure(price)
}

/** "buy 10 IBM at 95.5". */
export function orderTitle(order: Pick<OrderLine, 'side' | 'quantity' | 'symbol' | 'limitPrice' | 'stopPrice'>): string {
  return `${words(order.side)} ${figure(order.quantity)} ${order.symbol} at ${askedPrice(order)}`
}
