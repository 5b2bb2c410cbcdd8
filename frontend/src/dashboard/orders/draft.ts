// What stands in the order ticket, and the order it makes; pure.
import type { OrderSide, OrderType, SubmitOrderInput, TimeInForce } from '../../generated/operations'

export interface Draft {
  readonly symbol: string
  readonly side: OrderSide
  readonly type: OrderType
  readonly quantity: string
  readonly price: string
  readonly timeInForce: TimeInForce
}

export const EMPTY_DRAFT: Draft = { symbol: '', side: 'BUY', type: 'MARKET', quantity: '', price: '', timeInForce: 'GTC' }

const AMOUNT = /^\d{1,10}(\.\d{1,8})?$/

/** The order that a draft makes, or null while something is missing. The id is the caller's: one for each order wanted. */
export function orderOf(draft: Draft, clientOrderId: string): SubmitOrderInput | null {
  const { symbol, side, type, quantity, price, timeInForce } = draft
  if (symbol === '' || !isAmount(quantity)) return null
  if (type !== 'MARKET' && !isAmount(price)) return null
  return {
    clientOrderId,
    symbol,
    side,
    type,
    quantity,
    timeInForce,
    limitPrice: type === 'LIMIT' ? price : null,
    stopPrice: type === 'STOP' ? price : null,
  }
}

/** A positive number in plain notation with at most eight decimals, as the engine takes it. */
export function isAmount(text: string): boolean {
  return AMOUNT.test(text) && Number(text) > 0
}
