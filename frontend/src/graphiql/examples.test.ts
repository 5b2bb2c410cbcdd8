import { Kind, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { EXAMPLES, freshClientOrderId, readyText } from './examples'

describe.each(EXAMPLES)('example "$title"', (example) => {
  const definitions = parse(readyText(example)).definitions

  test('holds named operations only, each name once', () => {
    const names = definitions.map((node) => (node.kind === Kind.OPERATION_DEFINITION ? node.name?.value : undefined))
    expect(names).not.toContain(undefined)
    expect(new Set(names).size).toBe(names.length)
  })

  test('says in its first line what it is for', () => {
    expect(example.text).toMatch(/^# \S/)
  })

  test('leaves no placeholder when it is opened', () => {
    expect(readyText(example)).not.toContain('FRESH_CLIENT_ORDER_ID')
  })
})

test('pressing Ctrl-Enter at the top of the emergency stop example changes nothing', () => {
  const [first] = parse(EXAMPLES[3]!.text).definitions
  expect(first).toMatchObject({ kind: Kind.OPERATION_DEFINITION, operation: 'query' })
})

test('two client order ids made in one second differ', () => {
  const now = new Date('2026-01-02T03:04:05.678Z')
  expect(freshClientOrderId(now, 0.5)).toBe('web-20260102-030405-i0000')
  expect(freshClientOrderId(now, 0.5)).not.toBe(freshClientOrderId(now, 0.6))
})
