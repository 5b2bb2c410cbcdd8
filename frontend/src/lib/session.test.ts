import { afterEach, expect, test, vi } from 'vitest'
import { createSessionDesk } from './session'

const OPERATOR = { user: 'operator', role: 'OPERATOR', expiresAt: '2030-01-01T00:00:00Z' }
const REFUSED = { error: { code: 'CODE_USED', message: 'The code was used.' } }

type Answers = Partial<Record<'GET' | 'POST' | 'DELETE', () => Response>>

function serverAnswering(answers: Answers): void {
  vi.stubGlobal('fetch', (_address: string, request: RequestInit) => {
    const answer = answers[request.method as keyof Answers]
    return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError('no connection'))
  })
}

const json = (status: number, body: unknown) => () => Response.json(body, { status })

afterEach(() => vi.unstubAllGlobals())

test('a good code signs in', async () => {
  serverAnswering({ POST: json(200, OPERATOR) })
  const desk = createSessionDesk('session')
  await desk.open('XYZ')
  expect(desk.state.get()).toEqual({ kind: 'signed-in', session: OPERATOR, notice: null })
})

test('a used code is refused with what the server said', async () => {
  serverAnswering({ POST: json(401, REFUSED), GET: json(401, REFUSED) })
  const desk = createSessionDesk('session')
  await desk.open('XYZ')
  expect(desk.state.get()).toEqual({ kind: 'code-refused', status: 401, message: 'The code was used.' })
})

test('a used code does not lock out someone who is signed in already', async () => {
  serverAnswering({ POST: json(401, REFUSED), GET: json(200, OPERATOR) })
  const desk = createSessionDesk('session')
  await desk.open('XYZ')
  expect(desk.state.get()).toMatchObject({ kind: 'signed-in', session: OPERATOR })
})

test('without a code and without a session nobody is signed in', async () => {
  serverAnswering({ GET: json(401, REFUSED) })
  const desk = createSessionDesk('session')
  await desk.open(null)
  expect(desk.state.get()).toEqual({ kind: 'signed-out', because: 'no-session' })
})

test('a server that does not answer, or answers 502, keeps the code for another try', async () => {
  const desk = createSessionDesk('session')
  serverAnswering({})
  await desk.open('XYZ')
  expect(desk.state.get()).toEqual({ kind: 'unreachable', code: 'XYZ' })
  serverAnswering({ POST: () => new Response('Bad Gateway', { status: 502 }) })
  await desk.open('XYZ')
  expect(desk.state.get()).toEqual({ kind: 'unreachable', code: 'XYZ' })
})

test('a doubt ends the session only where the server says so', async () => {
  serverAnswering({ GET: json(200, OPERATOR) })
  const desk = createSessionDesk('session')
  await desk.open(null)
  serverAnswering({})
  await desk.recheck()
  expect(desk.state.get().kind).toBe('signed-in')
  serverAnswering({ GET: json(401, REFUSED) })
  await desk.recheck()
  expect(desk.state.get()).toEqual({ kind: 'signed-out', because: 'ended' })
})

test('signing out is only claimed once the server has done it', async () => {
  serverAnswering({ GET: json(200, OPERATOR) })
  const desk = createSessionDesk('session')
  await desk.open(null)
  await desk.signOut()
  expect(desk.state.get()).toMatchObject({ kind: 'signed-in', notice: expect.stringContaining('still signed in') })
  serverAnswering({ DELETE: () => new Response(null, { status: 204 }) })
  await desk.signOut()
  expect(desk.state.get()).toEqual({ kind: 'signed-out', because: 'own-wish' })
})
