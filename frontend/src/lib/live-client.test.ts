import { expect, test } from 'vitest'
import { retryDelayMs } from './live-client'
import { cursorOf, takesCursor } from './resume'

test('waiting grows with every failure, is bounded, and differs between browsers', () => {
  expect(retryDelayMs(0, 0)).toBe(250)
  expect(retryDelayMs(0, 1)).toBe(500)
  expect(retryDelayMs(3, 0)).toBe(2_000)
  expect(retryDelayMs(1_000, 1)).toBe(15_000)
})

test('an event, a refresh and a lag each leave the place to go on from', () => {
  expect(cursorOf({ data: { events: { cursor: 'c7', event: {} } } })).toBe('c7')
  expect(cursorOf({ data: { events: { reason: 'pruned', cursor: 'c9' } } })).toBe('c9')
  expect(cursorOf({ data: { events: { resumeAfter: 'c3', missed: 4 } } })).toBe('c3')
  expect(cursorOf({ data: { health: { score: 100 } } })).toBeNull()
  expect(cursorOf({ data: null })).toBeNull()
})

test('only an operation that declares $after is continued', () => {
  const document = 'subscription A($after: String) { events(after: $after) { x } } subscription B { health { score } }'
  expect(takesCursor(document, 'A')).toBe(true)
  expect(takesCursor(document, 'B')).toBe(false)
})
