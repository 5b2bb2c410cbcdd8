import { expect, test } from 'vitest'
import { inOrder, type Column } from './data-table'

interface Line {
  readonly id: string
  readonly count: number
}
const LINES: readonly Line[] = [{ id: 'b', count: 10 }, { id: 'a', count: 9 }, { id: 'c', count: 100 }]
const COLUMNS: readonly Column<Line>[] = [
  { name: 'Id', by: (line) => line.id, show: () => null },
  { name: 'Count', by: (line) => line.count, show: () => null },
  { name: 'Note', show: () => null },
]

function ids(order: string): string {
  return inOrder(LINES, COLUMNS, order).map((line) => line.id).join('')
}

test('lines come as they are where nothing is asked, or something unknown', () => {
  expect([ids(''), ids('Nonsense'), ids('-Note')]).toEqual(['bac', 'bac', 'bac'])
})

test('texts sort as texts and numbers as numbers, either way', () => {
  expect([ids('Id'), ids('-Id'), ids('Count'), ids('-Count')]).toEqual(['abc', 'cba', 'abc', 'cba'])
})

test('what is sorted is a copy', () => {
  inOrder(LINES, COLUMNS, 'Id')
  expect(LINES[0]?.id).toBe('b')
})
