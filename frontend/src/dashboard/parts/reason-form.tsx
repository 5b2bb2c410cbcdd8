// Asks why, because it is kept with what is done.
import { useState, type FormEvent, type ReactNode } from 'react'
import { Fault } from './card'
import type { Command } from './use-command'

interface ReasonFormProps {
  readonly action: string
  readonly cancel: string
  readonly command: Command
  readonly testId?: string
  readonly onReason: (reason: string) => void
  readonly onCancel: () => void
}

export function ReasonForm({ action, cancel, command, testId, onReason, onCancel }: ReasonFormProps): ReactNode {
  const [reason, setReason] = useState('')
  function send(event: FormEvent): void {
    event.preventDefault()
    onReason(reason.trim())
  }
  return (
    <form onSubmit={send}>
      <label className="block text-sm">
        Why
        <input
          className="field mt-1 w-full"
          data-testid={testId}
          autoComplete="off"
          required
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div className="mt-4 flex flex-wrap gap-2">
        <button type="submit" className="button-strong" disabled={reason.trim() === '' || command.isBusy}>
          {action}
        </button>
        <button type="button" className="button" onClick={onCancel}>
          {cancel}
        </button>
      </div>
      <div className="mt-2">
        <Fault words={command.said} />
      </div>
    </form>
  )
}
