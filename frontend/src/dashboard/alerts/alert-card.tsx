// One alert, and what can be done about it.
import { useState, type ReactNode } from 'react'
import type { AlertLine } from '../folds'
import { alertLine, dateAndTime, lookOf, words } from '../format'
import { Fault } from '../parts/card'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useService } from '../use-live'
import { useNow } from '../use-now'

export function AlertCard({ alert }: { readonly alert: AlertLine }): ReactNode {
  const now = useNow()
  const rights = useRights()
  return (
    <li className="border-b border-line pb-2 text-sm last:border-b-0" data-testid="alert" data-status={alert.status}>
      <p>
        <strong className={lookOf(alert.level)}>{words(alert.level)}</strong> {alertLine(alert, now)}
      </p>
      <p className="text-soft">{alert.message}</p>
      <p className="text-xs text-soft">
        {words(alert.category)} · since {dateAndTime(alert.raisedAt)}
        {alert.acknowledgedBy !== null && ` · ${alert.acknowledgedBy} looks after it`}
        {alert.resolvedAt !== null && ` · resolved ${dateAndTime(alert.resolvedAt)} by ${alert.resolvedBy ?? ''}`}
        {alert.note !== null && alert.note !== '' && ` · “${alert.note}”`}
        {alert.automatic && alert.status !== 'RESOLVED' && ' · resolved by itself when the condition clears'}
      </p>
      {alert.status !== 'RESOLVED' && rights.may('MANAGE_ALERTS') && <AlertControls alert={alert} />}
    </li>
  )
}

function AlertControls({ alert }: { readonly alert: AlertLine }): ReactNode {
  const service = useService()
  const command = useCommand()
  const [note, setNote] = useState('')
  return (
    <div className="mt-1 flex flex-wrap items-center gap-2">
      {alert.status === 'OPEN' && (
        <button type="button" className="button" disabled={command.isBusy} onClick={() => void command.run(() => service.acknowledgeAlert(alert.id))}>
          Acknowledge
        </button>
      )}
      <input
        className="field w-48"
        aria-label={`Note on ${alert.title}`}
        placeholder="Note (may be left out)"
        autoComplete="off"
        maxLength={500}
        value={note}
        onChange={(event) => setNote(event.target.value)}
      />
      <button
        type="button"
        className="button"
        disabled={command.isBusy}
        onClick={() => void command.run(() => service.resolveAlert(alert.id, note.trim() || 'resolved from the dashboard'))}
      >
        Resolve
      </button>
      <Fault words={command.said} />
    </div>
  )
}
