import { expect, test } from 'vitest'
import { EMPTY_DRAFT, isAmount, orderOf } from './draft'

const MARKET = { ...EMPTY_DRAFT, symbol: 'IBM', quantity: '10' }

test('an order needs a symbol and a quantity', () => {
  expect(orderOf(EMPTY_DRAFT, 'c')).toBeNull()
  expect(orderOf({ ...MARKET, quantity: '0' }, 'c')).toBeNull()
  expect(orderOf(MARKET, 'c')).toMatchObject({ clientOrderId: 'c', symbol: 'IBM', quantity: '10', limitPrice: null, stopPrice: null })
})

test('a limit and a stop need a price, which goes where it belongs', () => {
  expect(orderOf({ ...MARKET, type: 'LIMIT' }, 'c')).toBeNull()
  expect(orderOf({ ...MARKET, type: 'LIMIT', price: '12.5' }, 'c')).toMatchObject({ limitPrice: '12.5', stopPrice: null })
  expect(orderOf({ ...MARKET, type: 'STOP', price: '12.5' }, 'c')).toMatchObject({ limitPrice: null, stopPrice: '12.5' })
  expect(orderOf({ ...MARKET, price: '12.5' }, 'c')).toMatchObject({ limitPrice: null, stopPrice: null })
})

test.each(['', '0', '-1', '1e3', '1.123456789', 'x', '1,5', '.5'])('%s is no amount', (text) => {
  expect(isAmount(text)).toBe(false)
})

test.each(['1', '0.00000001', '9999999999'])('%s is an amount', (text) => {
  expect(isAmount(text)).toBe(true)
})
