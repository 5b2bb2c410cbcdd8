import { expect, test } from 'vitest'
import { parametersOf, profitOf } from './strategy-words'

test('parameters are said by name', () => {
  expect(parametersOf({ fast_bars: 5, quantity: '1.5' })).toBe('fast bars 5, quantity 1.5')
  expect([parametersOf(null), parametersOf({})]).toEqual(['', ''])
})

test('profit adds up from the oldest day on, commission taken off', () => {
  const days = [
    { marketDay: '2026-01-07', realizedPnl: '-5', commission: '1' },
    { marketDay: '2026-01-06', realizedPnl: '0', commission: '0' },
    { marketDay: '2026-01-05', realizedPnl: '20.5', commission: '0.5' },
  ]
  expect(profitOf(days)).toEqual([[1767571200, 1767657600, 1767744000], [20, 20, 14]])
  expect(profitOf([])).toEqual([[], []])
})
