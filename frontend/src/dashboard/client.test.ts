import { afterEach, expect, test, vi } from 'vitest'
import { createCell } from '../lib/cell'
import type { ConnectionState, LiveClient, LiveSink } from '../lib/live-client'
import { createClient, OperationFailed } from './client'

const ASK = { toString: () => '{ me { name } }' }
const FOLLOW = { toString: () => 'subscription { events { __typename } }' }

function made(answer: () => Promise<Response>): { client: ReturnType<typeof createClient>; sinks: LiveSink[]; doubts: () => number } {
  vi.stubGlobal('fetch', answer)
  const sinks: LiveSink[] = []
  let doubts = 0
  const live: LiveClient = {
    state: createCell<ConnectionState>('connected'),
    subscribe: (_operation, sink) => (sinks.push(sink), () => undefined),
    endAll: () => undefined,
  }
  return { client: createClient('/graphql', live, () => void doubts++), sinks, doubts: () => doubts }
}

const answering = (status: number, body: unknown, date = new Date()) => () =>
  Promise.resolve(new Response(JSON.stringify(body), { status, headers: { date: date.toUTCString() } }))
const delivery = (at: number) => ({ data: { events: { __typename: 'EventDelivery', event: { createdAt: new Date(at).toISOString() } } } })
const sink = () => ({ next: vi.fn(), failed: vi.fn(), ended: vi.fn() })

afterEach(() => vi.unstubAllGlobals())

test('an answer is its data', async () => {
  const { client } = made(answering(200, { data: { me: { name: 'ann' } } }))
  expect(await client.ask(ASK, {})).toEqual({ me: { name: 'ann' } })
})

test('errors, silence and nonsense reject in words', async () => {
  const saying = (answer: () => Promise<Response>) => made(answer).client.ask(ASK, {})
  await expect(saying(answering(400, { errors: [{ message: 'names the field' }] }))).rejects.toThrow('names the field')
  await expect(saying(() => Promise.reject(new TypeError('network')))).rejects.toThrow(OperationFailed)
  await expect(saying(answering(502, null))).rejects.toThrow('502')
})

test('who is refused is asked about at once', async () => {
  const { client, doubts } = made(answering(401, { errors: [{ message: 'sign in first' }] }))
  await expect(client.ask(ASK, {})).rejects.toThrow('sign in first')
  expect(doubts()).toBe(1)
})

test('old events are a replay, those of this moment are not', () => {
  const { client, sinks } = made(answering(200, {}))
  const got = sink()
  client.follow(FOLLOW, {}, got)
  sinks[0]?.next(delivery(Date.now()))
  expect(client.replayedMs.get()).toBe(0)
  sinks[0]?.next(delivery(Date.now() - 60_000))
  expect(client.replayedMs.get()).toBeGreaterThan(0)
  expect(got.next).toHaveBeenCalledTimes(2)
})

test('what is old is told by the server’s clock', async () => {
  const ahead = 3_600_000
  const { client, sinks } = made(answering(200, { data: {} }, new Date(Date.now() - ahead)))
  await client.ask(ASK, {})
  client.follow(FOLLOW, {}, sink())
  sinks[0]?.next(delivery(Date.now() - ahead))
  expect(client.replayedMs.get()).toBe(0)
})

test('a stream that is refused or ended says so', () => {
  const { client, sinks } = made(answering(200, {}))
  const got = sink()
  client.follow(FOLLOW, {}, got)
  sinks[0]?.next({ data: null, errors: [{ message: 'not yours' }] })
  sinks[0]?.error({ message: 'closed (4403)' })
  sinks[0]?.complete()
  expect(got.failed.mock.calls).toEqual([['not yours'], ['closed (4403)']])
  expect(got.ended).toHaveBeenCalledTimes(1)
})
