import { expect, test } from 'vitest'
import { lengthened, renewed } from './use-pages'

const list = (ids: string, next: string | null): { nodes: { id: string }[]; next: string | null } => ({ nodes: [...ids].map((id) => ({ id })), next })
const said = (read: { nodes: readonly { id: string }[]; next: string | null }): string => `${read.nodes.map((node) => node.id).join('')}>${read.next ?? ''}`

test('a new first page goes before the older ones that are known', () => {
  expect(said(renewed(list('dcba', 'a'), list('fed', 'd')))).toBe('fedcba>a')
})

test('what changed is taken from the new page', () => {
  expect(said(renewed(list('cba', 'a'), list('cb', 'b')))).toBe('cba>a')
})

test('where the pages do not meet, nothing is shown as if it followed', () => {
  expect(said(renewed(list('cba', 'a'), list('fe', 'e')))).toBe('fe>e')
})

test('a page that is the whole list is the list', () => {
  expect(said(renewed(list('cba', null), list('dc', null)))).toBe('dc>')
  expect(said(renewed(null, list('dc', 'c')))).toBe('dc>c')
})

test('an older page goes behind, each line once', () => {
  expect(said(lengthened(list('dc', 'c'), list('cba', 'a')))).toBe('dcba>a')
  expect(said(lengthened(null, list('ba', null)))).toBe('ba>')
})
