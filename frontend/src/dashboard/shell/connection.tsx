// Whether what is shown is live: always in sight, because figures of a lost connection look like any others.
import type { ReactNode } from 'react'
import { useCell } from '../../lib/cell'
import type { ConnectionState } from '../../lib/live-client'
import { relativeTime } from '../format'
import { useClient, useSince } from '../use-live'
import { useNow } from '../use-now'

const MEANING: Record<ConnectionState | 'replaying', string> = {
  replaying: 'replaying what was missed',
  connecting: 'connecting',
  connected: 'live',
  reconnecting: 'reconnecting',
  closed: 'not connected',
}
const SAID_AFTER_MS = 2_000
const REPLAYING_MS = 1_500 // since the last old event

export function Connection(): ReactNode {
  const client = useClient()
  const state = useCell(client.connection)
  const replayedMs = useCell(client.replayedMs)
  const since = useSince(state !== 'connected')
  const now = useNow()
  const shown = state === 'connected' && now - replayedMs < REPLAYING_MS ? 'replaying' : state
  return (
    <span
      role="status"
      data-testid="connection-state"
      data-state={shown}
      className={`rounded-full border px-2 py-0.5 text-xs ${shown === 'connected' ? 'border-good text-good' : 'border-warn text-warn'}`}
    >
      {MEANING[shown]}
      {since !== null && now - since > SAID_AFTER_MS && `, figures of ${relativeTime(since, now)}`}
    </span>
  )
}
