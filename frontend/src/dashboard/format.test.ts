import { expect, test } from 'vitest'
import { alertLine, duration, figure, gainLook, lookOf, metricValue, money, percent, relativeTime, share, words } from './format'

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

test.each([
  [0.0042, 'seconds', '4.2 ms'],
  [12.3456, 'seconds', '12.35 s'],
  [140_300_000, 'bytes', '140.3 MB'],
  [0, 'bytes', '0 B'],
  [7, 'percent', '7 %'],
  [3, 'orders', '3 orders'],
  [5, '', '5'],
])('a figure of %s %s is %s', (value, unit, said) => {
  expect(metricValue(value, unit)).toBe(said)
})

test('an alert says how often and how long ago', () => {
  const now = Date.parse('2026-01-01T00:01:00Z')
  const alert = { title: 'Disk is full', count: 1, lastRaisedAt: '2026-01-01T00:00:30Z' }
  expect(alertLine(alert, now)).toBe('Disk is full, 30 seconds ago')
  expect(alertLine({ ...alert, count: 3 }, now)).toBe('Disk is full, 3 times, 30 seconds ago')
})

test('looks tell gains from losses and good from bad; nothing is neither', () => {
  expect([gainLook('1'), gainLook('-1'), gainLook('0'), gainLook(null)]).toEqual(['text-good', 'text-bad', '', ''])
  expect([lookOf('UP'), lookOf('DEGRADED'), lookOf('DENIED'), lookOf('SUBMITTED')]).toEqual(['text-good', 'text-warn', 'text-bad', ''])
})
