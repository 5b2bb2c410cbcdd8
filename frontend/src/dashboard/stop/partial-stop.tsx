// Stopping a part of the trading: a user, a strategy, a symbol; with the positions closed, where that is wanted.
import { useState, type ReactNode } from 'react'
import type { HaltScope } from '../../generated/operations'
import { words } from '../format'
import { useRights } from '../shell/me'
import { HoldButton } from './hold-button'
import { StopDialog, useStopping } from './stop-control'

const SCOPES: readonly HaltScope[] = ['ALL', 'USER', 'STRATEGY', 'SYMBOL']
const TARGETS: Record<HaltScope, string> = { ALL: '', USER: 'User id (empty: yourself)', STRATEGY: 'Strategy id', SYMBOL: 'Symbol' }

export function PartialStop(): ReactNode {
  const rights = useRights()
  const stopping = useStopping()
  const [scope, setScope] = useState<HaltScope>('SYMBOL')
  const [target, setTarget] = useState('')
  const [reason, setReason] = useState('')
  const [flatten, setFlatten] = useState(false)
  const scopes = rights.may('STOP_ANY') ? SCOPES : SCOPES.filter((each) => each === 'USER' || each === 'STRATEGY')
  const chosen = scopes.includes(scope) ? scope : 'USER'
  const isWhole = chosen === 'ALL' || chosen === 'USER' || target.trim() !== ''
  if (!rights.may('STOP_OWN')) return null
  return (
    <section className="card text-sm" aria-label="Emergency controls">
      <h2>Emergency controls</h2>
      <div className="flex flex-wrap items-end gap-3">
        <label className="flex flex-col gap-1">
          <span className="text-xs text-soft">What to stop</span>
          <select className="field" value={chosen} onChange={(event) => setScope(event.target.value as HaltScope)}>
            {scopes.map((each) => (
              <option key={each} value={each}>
                {each === 'ALL' ? 'everything' : `a ${words(each)}`}
              </option>
            ))}
          </select>
        </label>
        {chosen !== 'ALL' && (
          <label className="flex flex-col gap-1">
            <span className="text-xs text-soft">{TARGETS[chosen]}</span>
            <input className="field" autoComplete="off" maxLength={64} value={target} onChange={(event) => setTarget(event.target.value)} />
          </label>
        )}
        <label className="flex grow flex-col gap-1">
          <span className="text-xs text-soft">Why (may be left out)</span>
          <input className="field" autoComplete="off" maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <label className="flex items-center gap-2 py-2">
          <input type="checkbox" checked={flatten} onChange={(event) => setFlatten(event.target.checked)} />
          Close the positions, too
        </label>
        <HoldButton
          testId="partial-stop"
          isBusy={stopping.isBusy || !isWhole}
          onHeld={() =>
            void stopping.stop({ scope: chosen, target: chosen === 'ALL' || target.trim() === '' ? null : target.trim() }, reason.trim() || 'Stopped from the dashboard', flatten)
          }
        >
          {stopping.isBusy ? 'Stopping…' : isWhole ? 'Hold to stop' : 'Say what to stop'}
        </HoldButton>
      </div>
      <StopDialog stopping={stopping} />
    </section>
  )
}
