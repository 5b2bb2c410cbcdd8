// Shows a page's content to someone signed in and the sign-in page to everyone else; used by every page.
import type { ReactNode } from 'react'
import { useCell } from '../lib/cell'
import type { SessionDesk } from '../lib/session'
import type { Session } from '../lib/session-requests'
import { SignInPage } from './sign-in-page'

interface SessionGateProps {
  readonly desk: SessionDesk
  readonly children: (session: Session, notice: string | null) => ReactNode
}

export function SessionGate({ desk, children }: SessionGateProps): ReactNode {
  const state = useCell(desk.state)
  if (state.kind === 'signed-in') return children(state.session, state.notice)
  return <SignInPage state={state} onCode={(code) => void desk.open(code)} onRetry={(code) => void desk.open(code)} />
}
