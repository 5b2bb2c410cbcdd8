import { expect, test } from 'vitest'
import { duration, figure, money, percent, relativeTime, share, words } from './format'

test('money has its currency, and a sign where it is a change', () => {
  expect(money('1234.5', 'USD')).toBe('$1,234.50')
  expect(money('12', 'USD', true)).toBe('+$12.00')
  expect(money('-12', 'USD', true)).toBe('-$12.00')
  expect(money('0', 'USD', true)).toBe('$0.00')
})

test('quantities keep their decimals', () => {
  expect(figure('0.00000001')).toBe('0.00000001')
  expect(figure('1000000')).toBe('1,000,000')
  expect(figure(null)).toBe('–')
})

test('a share of nothing is nothing', () => {
  expect(share('5', '0')).toBe(0)
  expect(percent(share('4', '5'))).toBe('80%')
  expect(percent(-0.0001)).toBe('0%')
})

test.each([
  [0, 'now'],
  [-5_000, '5 seconds ago'],
  [-120_000, '2 minutes ago'],
  [-7_200_000, '2 hours ago'],
  [-172_800_000, '2 days ago'],
])('%i ms from now is %s', (ms, said) => {
  expect(relativeTime(1_000_000_000 + ms, 1_000_000_000)).toBe(said)
})

test.each([
  [5, '5 s'],
  [65, '1 min'],
  [3_700, '1 h 1 min'],
  [90_000, '1 d 1 h'],
])('%i seconds last %s', (seconds, said) => {
  expect(duration(seconds)).toBe(said)
})

test('names become words', () => {
  expect(words('ORDER_PARTIALLY_FILLED')).toBe('order partially filled')
})
