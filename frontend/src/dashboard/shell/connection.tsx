// Whether what is shown is live: always in sight, because figures of a lost connection look like any others.
import type { ReactNode } from 'react'
import { useCell } from '../../lib/cell'
import type { ConnectionState } from '../../lib/live-client'
import { relativeTime } from '../format'
import { useClient, useSince } from '../use-live'
import { useNow } from '../use-now'

const MEANING: Record<ConnectionState, string> = {
  connecting: 'connecting',
  connected: 'live',
  reconnecting: 'reconnecting',
  closed: 'not connected',
}
const SAID_AFTER_MS = 2_000

export function Connection(): ReactNode {
  const state = useCell(useClient().connection)
  const since = useSince(state !== 'connected')
  const now = useNow()
  return (
    <span
      role="status"
      data-testid="connection-state"
      data-state={state}
      className={`rounded-full border px-2 py-0.5 text-xs ${state === 'connected' ? 'border-good text-good' : 'border-warn text-warn'}`}
    >
      {MEANING[state]}
      {since !== null && now - since > SAID_AFTER_MS && `, figures of ${relativeTime(since, now)}`}
    </span>
  )
}
