import { expect, test } from 'vitest'
import { atPrice, byLevel, MOST_DONE, MOST_EVENTS, QUIET, withAlert, withEvent, withOrder, withPosition, withPrice, type AlertLine, type EventLine, type OrderLine, type PositionLine, type PriceLine } from './folds'

const order = (id: string, status: OrderLine['status']) => ({ orders: { id, status } as OrderLine })
const position = (id: string, quantity: string, closedAt: string | null = null) => ({ positions: { id, quantity, closedAt } as PositionLine })
const alert = (id: string, level: AlertLine['level'], status: AlertLine['status'] = 'OPEN') => ({ alerts: { id, level, status } as AlertLine })
const delivery = (id: string) => ({ events: { __typename: 'EventDelivery' as const, cursor: id, event: { id } as EventLine } })

test('an order that changes stays one line', () => {
  const first = withOrder(new Map(), order('ord_1', 'SUBMITTED'))
  const second = withOrder(first, order('ord_1', 'FILLED'))
  expect([...second.values()].map((each) => each.status)).toEqual(['FILLED'])
  expect(first.get('ord_1')?.status).toBe('SUBMITTED')
})

test('of orders that are done the newest are kept, of working ones all', () => {
  let orders = withOrder(new Map(), order('ord_0', 'SUBMITTED'))
  for (let number = 10; number < 20 + MOST_DONE; number++) orders = withOrder(orders, order(`ord_${number}`, 'FILLED'))
  expect(orders.size).toBe(MOST_DONE + 1)
  expect(orders.has('ord_0')).toBe(true)
  expect(orders.has('ord_10')).toBe(false)
})

test('a position that is closed goes', () => {
  const open = withPosition(withPosition(new Map(), position('pos_1', '5')), position('pos_2', '-3'))
  expect([...withPosition(open, position('pos_1', '0')).keys()]).toEqual(['pos_2'])
  expect([...withPosition(open, position('pos_2', '-3', '2026-01-01T00:00:00Z')).keys()]).toEqual(['pos_1'])
})

test('alerts are sorted by what is worst, and go when they are resolved', () => {
  let alerts = withAlert(new Map(), alert('alr_1', 'INFO'))
  alerts = withAlert(alerts, alert('alr_2', 'CRITICAL'))
  alerts = withAlert(alerts, alert('alr_3', 'CRITICAL'))
  expect([...alerts.values()].sort(byLevel).map((each) => each.id)).toEqual(['alr_3', 'alr_2', 'alr_1'])
  expect([...withAlert(alerts, alert('alr_2', 'CRITICAL', 'RESOLVED')).keys()]).toEqual(['alr_1', 'alr_3'])
})

test('the ticker shows the newest event first and keeps a bounded number', () => {
  let ticker = QUIET
  for (let number = 0; number < MOST_EVENTS + 5; number++) ticker = withEvent(ticker, delivery(`evt_${number}`))
  expect(ticker.lines).toHaveLength(MOST_EVENTS)
  expect(ticker.lines[0]?.id).toBe(`evt_${MOST_EVENTS + 4}`)
})

test('a stream that lags or must begin anew says so', () => {
  const one = withEvent(QUIET, delivery('evt_1'))
  expect(withEvent(one, { events: { __typename: 'Lagged', resumeAfter: 'c', missed: 7 } })).toEqual({ lines: one.lines, cursor: 'c', notice: '7 events are being caught up with.' })
  const refreshed = withEvent(one, { events: { __typename: 'RefreshRequired', reason: 'PRUNED', cursor: 'c' } })
  expect(refreshed.lines).toEqual([])
  expect(refreshed.notice).toContain('history')
})

test('a position is valued at the latest price, as the engine does', () => {
  const quote = (symbol: string, last: string) => ({ marketData: { symbol, last } as PriceLine })
  const prices = withPrice(withPrice(withPrice(new Map(), quote('IBM', '90')), quote('AAPL', '5')), quote('IBM', '101'))
  const held = { symbol: 'IBM', quantity: '10', averagePrice: '100', marketPrice: '99', marketValue: '990', unrealizedPnl: '-10' } as PositionLine
  expect(atPrice(held, prices.get('IBM'))).toMatchObject({ marketPrice: '101', marketValue: '1010', unrealizedPnl: '10' })
  expect(atPrice({ ...held, quantity: '-10' }, prices.get('IBM'))).toMatchObject({ marketValue: '-1010', unrealizedPnl: '-10' })
  expect(atPrice(held, undefined)).toBe(held)
})
