import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { EMPTY_LIST, MOST_ROWS, withItem, type EventItem } from './event-list'
import query from './live-events.graphql?raw'

function delivery(cursor: string, type: string): EventItem {
  const event = { type, priority: 'NORMAL', symbol: 'AAPL', createdAt: '2026-01-02T03:04:05Z', payload: {} }
  return { __typename: 'EventDelivery', cursor, event }
}

test('the newest event stands first and its cursor is the place to go on from', () => {
  const list = [delivery('c1', 'ORDER_CREATED'), delivery('c2', 'ORDER_FILLED')].reduce(withItem, EMPTY_LIST)
  expect(list.rows.map((row) => row.kind === 'event' && row.event.type)).toEqual(['ORDER_FILLED', 'ORDER_CREATED'])
  expect(list.cursor).toBe('c2')
})

test('the list is bounded however long the page stays open', () => {
  let list = EMPTY_LIST
  for (let count = 0; count < MOST_ROWS + 50; count += 1) list = withItem(list, delivery(`c${count}`, 'ORDER_CREATED'))
  expect(list.rows).toHaveLength(MOST_ROWS)
  expect(list.received).toBe(MOST_ROWS + 50)
})

test('a lag and a refresh are shown and move the place to go on from', () => {
  const lagged = withItem(EMPTY_LIST, { __typename: 'Lagged', resumeAfter: 'c5', missed: 3 })
  expect(lagged).toMatchObject({ cursor: 'c5', rows: [{ kind: 'remark' }] })
  const refreshed = withItem(lagged, { __typename: 'RefreshRequired', reason: 'pruned', cursor: 'c9' })
  expect(refreshed.cursor).toBe('c9')
})

test('the query of the pane is one that parses', () => {
  expect(parse(query).definitions).toHaveLength(1)
})
