import { afterEach, expect, test, vi } from 'vitest'
import type { LiveClient } from '../lib/live-client'
import { createCell } from '../lib/cell'
import { chosenOperation, createFetcher } from './fetcher'

const noLive: LiveClient = {
  state: createCell('closed'),
  subscribe: () => {
    throw new Error('nothing should be subscribed')
  },
  endAll: () => undefined,
}

afterEach(() => vi.unstubAllGlobals())

test('the named operation is chosen, and a lone one needs no name', () => {
  expect(chosenOperation('query A { a } mutation B { b }', 'B').operation).toBe('mutation')
  expect(chosenOperation('subscription { a }', null).operation).toBe('subscription')
  expect(chosenOperation('query Renamed { a }', 'Old').name?.value).toBe('Renamed')
})

test('nothing is guessed where several operations could be meant', () => {
  expect(() => chosenOperation('query A { a } mutation B { b }', null)).toThrow('Several operations')
  expect(() => chosenOperation('query A { a } mutation B { b }', 'Gone')).toThrow('Several operations')
})

test('a mutation whose answer is lost is sent once and never again', async () => {
  const send = vi.fn(() => Promise.reject(new TypeError('no connection')))
  vi.stubGlobal('fetch', send)
  const fetcher = createFetcher('graphql', noLive, () => undefined)
  const answer = await fetcher({ query: 'mutation M { stop }' })
  expect(answer).toEqual({ errors: [{ message: expect.stringContaining('sent once') }] })
  expect(send).toHaveBeenCalledTimes(1)
})

test('an answer that denies the session raises a doubt', async () => {
  const onDoubt = vi.fn()
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ errors: [{ message: 'no' }] }, { status: 401 })))
  await createFetcher('graphql', noLive, onDoubt)({ query: '{ health { score } }' })
  expect(onDoubt).toHaveBeenCalledOnce()
})
