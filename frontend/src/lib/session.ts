// Who is signed in, as one value that moves between named states; created by each page's main file.
import { createCell, type Cell } from './cell'
import { endSession, exchangeCode, readSession, type Session, type SessionAnswer } from './session-requests'

export type SessionState =
  | { readonly kind: 'signing-in' }
  | { readonly kind: 'signed-in'; readonly session: Session; readonly notice: string | null }
  | { readonly kind: 'signed-out'; readonly because: 'no-session' | 'ended' | 'own-wish' }
  | { readonly kind: 'code-refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'unreachable'; readonly code: string | null }

export interface SessionDesk {
  readonly state: Cell<SessionState>
  /** Start with the code of a link, or, without one, with the cookie of an earlier sign-in. */
  open(code: string | null): Promise<void>
  /** Something hinted that the session is over (401, a closed socket): ask, and say so if it is. */
  recheck(): Promise<void>
  signOut(): Promise<void>
}

export function createSessionDesk(address: string): SessionDesk {
  const state = createCell<SessionState>({ kind: 'signing-in' })
  let rechecking = false

  return {
    state,
    async open(code) {
      state.set({ kind: 'signing-in' })
      state.set(code === null ? stateOfCookie(await readSession(address)) : await stateOfCode(address, code))
    },
    async recheck() {
      if (rechecking || state.get().kind !== 'signed-in') return
      rechecking = true
      const answer = await readSession(address)
      rechecking = false
      const gone = answer.kind === 'refused' && (answer.status === 401 || answer.status === 403)
      if (gone && state.get().kind === 'signed-in') state.set({ kind: 'signed-out', because: 'ended' })
    },
    async signOut() {
      const current = state.get()
      const ended = await endSession(address)
      if (ended) state.set({ kind: 'signed-out', because: 'own-wish' })
      else if (current.kind === 'signed-in')
        state.set({ ...current, notice: 'The server did not answer: you are still signed in.' })
    },
  }
}

function stateOfCookie(answer: SessionAnswer): SessionState {
  if (answer.kind === 'signed-in') return { kind: 'signed-in', session: answer.session, notice: null }
  if (answer.kind === 'unreachable') return { kind: 'unreachable', code: null }
  return { kind: 'signed-out', because: 'no-session' }
}

async function stateOfCode(address: string, code: string): Promise<SessionState> {
  const answer = await exchangeCode(address, code)
  if (answer.kind === 'signed-in') return { kind: 'signed-in', session: answer.session, notice: null }
  if (answer.kind === 'unreachable') return { kind: 'unreachable', code }
  // A link opened twice in one browser should not lock out the person it has just signed in.
  const earlier = await readSession(address)
  if (earlier.kind === 'signed-in') {
    const notice = `That link did not work (used or expired). You are still signed in as ${earlier.session.user}.`
    return { kind: 'signed-in', session: earlier.session, notice }
  }
  return { kind: 'code-refused', status: answer.status, message: answer.message }
}
