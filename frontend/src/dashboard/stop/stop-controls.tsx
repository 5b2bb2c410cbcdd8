// The emergency stop, in reach on every page, and its lifting. Both go over HTTP: they work while the socket is down.
import { Dialog } from 'radix-ui'
import { useState, type FormEvent, type ReactNode } from 'react'
import {
  ResumeEverythingDocument,
  StopEverythingDocument,
  type Permission,
  type StopEverythingMutation,
} from '../../generated/operations'
import { useClient } from '../use-live'
import { HoldButton } from './hold-button'
import { StopReport, type Report } from './stop-report'
import type { TradingState } from './trading-banner'

interface StopControlsProps {
  readonly trading: TradingState | null
  readonly permissions: readonly Permission[]
}

type Outcome = { readonly kind: 'report'; readonly report: Report } | { readonly kind: 'fault'; readonly words: string }

export function StopControls({ trading, permissions }: StopControlsProps): ReactNode {
  const client = useClient()
  const [isBusy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const mayStopAll = permissions.includes('STOP_ANY')

  function stop(): void {
    setBusy(true)
    client
      .ask(StopEverythingDocument, { reason: 'Stopped from the dashboard', scope: mayStopAll ? 'ALL' : 'USER' })
      .then((data) => setOutcome(outcomeOf(data)))
      .catch((error: unknown) => setOutcome({ kind: 'fault', words: (error as Error).message }))
      .finally(() => setBusy(false))
  }
  if (!mayStopAll && !permissions.includes('STOP_OWN')) return null
  return (
    <>
      {trading?.state === 'HALTED' && permissions.includes('RESUME') && <Resume trading={trading} />}
      <HoldButton isBusy={isBusy} onHeld={stop}>
        {isBusy ? 'Stopping…' : mayStopAll ? 'Hold to stop all trading' : 'Hold to stop my trading'}
      </HoldButton>
      <Dialog.Root open={outcome !== null} onOpenChange={(open) => !open && setOutcome(null)}>
        <Dialog.Portal>
          <Dialog.Overlay className="fixed inset-0 z-20 bg-black/50" />
          <Dialog.Content
            aria-describedby={undefined}
            data-testid="stop-outcome"
            className="fixed top-1/2 left-1/2 z-30 max-h-[85vh] w-[min(640px,94vw)] -translate-1/2 overflow-auto rounded-xl border border-line bg-page p-6 text-ink"
          >
            <Dialog.Title className="mb-3 text-xl font-bold">
              {outcome?.kind === 'fault' ? 'The stop was not confirmed' : 'Trading is stopped'}
            </Dialog.Title>
            {outcome?.kind === 'fault' && (
              <p role="alert">
                {outcome.words} Hold the button again; on the machine itself <code>trading-engine stop</code> does the same.
              </p>
            )}
            {outcome?.kind === 'report' && <StopReport report={outcome.report} />}
            <Dialog.Close className="button mt-4">Close</Dialog.Close>
          </Dialog.Content>
        </Dialog.Portal>
      </Dialog.Root>
    </>
  )
}

function outcomeOf({ emergencyStop }: StopEverythingMutation): Outcome {
  return emergencyStop.__typename === 'Refused'
    ? { kind: 'fault', words: emergencyStop.message }
    : { kind: 'report', report: emergencyStop }
}

function Resume({ trading }: { readonly trading: TradingState }): ReactNode {
  const client = useClient()
  const [isOpen, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const [said, setSaid] = useState<string | null>(null)
  const halt = trading.halts.find((each) => each.scope === 'ALL') ?? trading.halts[0]

  function resume(event: FormEvent): void {
    event.preventDefault()
    if (halt === undefined) return
    client
      .ask(ResumeEverythingDocument, { reason, scope: halt.scope, target: halt.target ?? null })
      .then(({ resumeTrading }) => {
        if (resumeTrading.__typename === 'Refused') setSaid(resumeTrading.message)
        else setOpen(false)
      })
      .catch((error: unknown) => setSaid((error as Error).message))
  }
  return (
    <Dialog.Root open={isOpen} onOpenChange={setOpen}>
      <Dialog.Trigger className="button" data-testid="resume">
        Resume…
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-20 bg-black/50" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-1/2 left-1/2 z-30 w-[min(560px,94vw)] -translate-1/2 rounded-xl border border-line bg-page p-6 text-ink"
        >
          <Dialog.Title className="text-xl font-bold">Resume trading</Dialog.Title>
          <ul className="my-3 list-disc pl-5 text-sm">
            <li>The stop “{halt?.reason}” is lifted; orders are accepted again.</li>
            <li>Protective stops that were taken back are placed again.</li>
            <li>Strategies that were paused stay paused, until each is resumed by somebody.</li>
          </ul>
          <form onSubmit={resume}>
            <label className="block text-sm">
              Why
              <input
                className="mt-1 w-full rounded-lg border border-line bg-page px-3 py-2"
                data-testid="resume-reason"
                required
                maxLength={500}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
              />
            </label>
            {said !== null && (
              <p role="alert" className="mt-2 text-sm text-bad">
                {said}
              </p>
            )}
            <div className="mt-4 flex gap-2">
              <button type="submit" className="button-strong" disabled={reason.trim() === ''}>
                Resume trading
              </button>
              <Dialog.Close className="button">Leave it stopped</Dialog.Close>
            </div>
          </form>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
