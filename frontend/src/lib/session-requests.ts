// The three requests to the session endpoint, each answering with a value; called by session.ts.

export interface Session {
  readonly user: string
  readonly role: string
  readonly expiresAt: string
}

export type SessionAnswer =
  | { readonly kind: 'signed-in'; readonly session: Session }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'unreachable' }

/** Ask who is signed in; a refusal with status 401 means nobody. */
export function readSession(address: string): Promise<SessionAnswer> {
  return ask(address, { method: 'GET' })
}

/** Exchange a single-use code for a session cookie, which scripts can't read. */
export function exchangeCode(address: string, code: string): Promise<SessionAnswer> {
  return ask(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
}

/** End the session; true when the server has said so. */
export async function endSession(address: string): Promise<boolean> {
  try {
    const response = await fetch(address, { method: 'DELETE', credentials: 'same-origin' })
    return response.ok || response.status === 401
  } catch {
    return false
  }
}

async function ask(address: string, request: RequestInit): Promise<SessionAnswer> {
  try {
    const response = await fetch(address, { ...request, credentials: 'same-origin', cache: 'no-store' })
    return answerOf(response.status, await response.json().catch(() => null))
  } catch {
    return { kind: 'unreachable' }
  }
}

/** Turn status and body into an answer; exported for its test. */
export function answerOf(status: number, body: unknown): SessionAnswer {
  if (status === 200 && isSession(body)) return { kind: 'signed-in', session: body }
  // A gateway's or a broken server's answer: trying again may help, another link would not.
  if (status === 200 || status >= 500) return { kind: 'unreachable' }
  return { kind: 'refused', status, message: messageOf(body) }
}

function isSession(body: unknown): body is Session {
  const candidate = body as Partial<Session> | null
  return typeof candidate?.user === 'string' && typeof candidate.role === 'string'
}

function messageOf(body: unknown): string {
  const message = (body as { error?: { message?: unknown } } | null)?.error?.message
  return typeof message === 'string' ? message : ''
}
