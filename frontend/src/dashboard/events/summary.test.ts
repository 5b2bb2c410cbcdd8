import { expect, test } from 'vitest'
import { summaryOf } from './summary'

test('the figures people look for first, in words and by locale', () => {
  expect(summaryOf({ payload: { orderId: 'ord_1', side: 'BUY', quantity: '1500', averagePrice: '10.50', reason: null } })).toBe(
    'side BUY · quantity 1,500 · average price 10.5',
  )
})

test('what changed in a setting', () => {
  expect(summaryOf({ payload: { key: 'order_timeout_seconds', previous: '300', value: '301', reason: 'slow venue' } })).toBe(
    'key order_timeout_seconds · previous 300 · value 301 · reason slow venue',
  )
})

test('payloads without any of them say nothing', () => {
  for (const payload of [null, undefined, 'text', 5, {}, { other: 1 }]) expect(summaryOf({ payload })).toBe('')
})
