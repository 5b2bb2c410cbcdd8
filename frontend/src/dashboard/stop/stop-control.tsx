// The emergency stop of everything one may stop, in reach on every page. It goes over HTTP: it works while the socket is down.
import { useState, type ReactNode } from 'react'
import { Dialog } from '../parts/dialog'
import { useRights } from '../shell/me'
import type { Outcome, Scope, StopReport } from '../trading-engine-service'
import { useService } from '../use-live'
import { HoldButton } from './hold-button'
import { StopOutcome } from './stop-outcome'

export function StopControl(): ReactNode {
  const rights = useRights()
  const stopping = useStopping()
  const stopsAll = rights.may('STOP_ANY')
  if (!stopsAll && !rights.may('STOP_OWN')) return null
  return (
    <>
      <HoldButton
        testId="emergency-stop"
        isBusy={stopping.isBusy}
        onHeld={() => void stopping.stop({ scope: stopsAll ? 'ALL' : 'USER', target: null }, 'Stopped from the dashboard', false)}
      >
        {stopping.isBusy ? 'Stopping…' : stopsAll ? 'Hold to stop all trading' : 'Hold to stop my trading'}
      </HoldButton>
      <StopDialog stopping={stopping} />
    </>
  )
}

export interface Stopping {
  readonly isBusy: boolean
  /** Whether what becomes of the orders is looked at. */
  readonly isWatched: boolean
  readonly outcome: Outcome<StopReport> | null
  stop(what: Scope, reason: string, flatten: boolean): Promise<void>
  putAway(): void
}

export function useStopping(): Stopping {
  const service = useService()
  const [isBusy, setBusy] = useState(false)
  const [isWatched, setWatched] = useState(false)
  const [outcome, setOutcome] = useState<Outcome<StopReport> | null>(null)
  return {
    isBusy,
    isWatched,
    outcome,
    async stop(what, reason, flatten) {
      setBusy(true)
      setWatched(true)
      setOutcome(null)
      setOutcome(await service.stopTrading(what, reason, flatten))
      setBusy(false)
    },
    putAway: () => setWatched(false),
  }
}

/** What becomes of the orders, from the moment of the stop on. */
export function StopDialog({ stopping }: { readonly stopping: Stopping }): ReactNode {
  const { isBusy, isWatched, outcome, putAway } = stopping
  const title = isBusy ? 'Stopping trading…' : outcome?.isDone === false ? 'The stop was not confirmed' : 'Trading is stopped'
  return (
    <Dialog title={title} testId="stop-outcome" isOpen={isWatched} onClose={putAway}>
      <StopOutcome outcome={outcome} />
      <button type="button" className="button mt-4" onClick={putAway}>
        Close
      </button>
    </Dialog>
  )
}
