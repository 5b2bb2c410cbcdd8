// The strip above a page: who is signed in, how the live connection is, and the way out; used by every page.
import { useState, type ReactNode } from 'react'
import { useCell, type Cell } from '../lib/cell'
import type { ConnectionState } from '../lib/live-client'
import type { Session } from '../lib/session-requests'
import markAddress from './mark.svg'

interface SessionBarProps {
  readonly title: string
  readonly session: Session
  readonly notice: string | null
  readonly connection: Cell<ConnectionState>
  readonly onSignOut: () => Promise<void>
}

const CONNECTION_MEANING: Record<ConnectionState, string> = {
  connecting: 'The live connection is being opened.',
  connected: 'Subscriptions are live.',
  reconnecting: 'The live connection was lost; it is tried again by itself.',
  closed: 'No live connection: it opens with the first subscription.',
}

export function SessionBar({ title, session, notice, connection, onSignOut }: SessionBarProps): ReactNode {
  const state = useCell(connection)
  const [leaving, setLeaving] = useState(false)

  function leave(): void {
    setLeaving(true)
    void onSignOut().finally(() => setLeaving(false))
  }

  return (
    <header className="session-bar">
      <img src={markAddress} alt="" width="20" height="20" />
      <strong>Quantum Leap</strong>
      <span className="session-bar-title">{title}</span>
      {notice !== null && (
        <span className="session-bar-notice" role="status" data-testid="session-notice">
          {notice}
        </span>
      )}
      <span className="session-bar-space" />
      <span
        className={`connection connection-${state}`}
        role="status"
        data-testid="connection-state"
        data-state={state}
        title={CONNECTION_MEANING[state]}
      >
        {state}
      </span>
      <span title={`Signed in until ${new Date(session.expiresAt).toLocaleString()}`}>
        <span data-testid="session-user">{session.user}</span>
        <span className="session-role" data-testid="session-role">
          {session.role.replaceAll('_', ' ').toLowerCase()}
        </span>
      </span>
      <button type="button" data-testid="sign-out" disabled={leaving} onClick={leave}>
        Sign out
      </button>
    </header>
  )
}
