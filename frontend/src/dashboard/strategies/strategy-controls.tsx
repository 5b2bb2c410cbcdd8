// Pausing, resuming and ending a strategy.
import { useState, type ReactNode } from 'react'
import { Fault } from '../parts/card'
import { Dialog } from '../parts/dialog'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useService } from '../use-live'
import type { StrategyLine } from './strategy-words'

export function StrategyControls({ strategy }: { readonly strategy: StrategyLine }): ReactNode {
  const service = useService()
  const rights = useRights()
  const command = useCommand()
  const [isAsking, setAsking] = useState(false)
  const isOver = strategy.status === 'STOPPED'
  if (!rights.may('TRADE') || isOver) return null
  return (
    <div className="flex flex-wrap justify-end gap-2">
      {strategy.status === 'RUNNING' && (
        <button type="button" className="button" disabled={command.isBusy} onClick={() => void command.run(() => service.pauseStrategy(strategy.id))}>
          Pause
        </button>
      )}
      {(strategy.status === 'PAUSED' || strategy.status === 'FAILED') && (
        <button type="button" className="button" disabled={command.isBusy} onClick={() => void command.run(() => service.resumeStrategy(strategy.id))}>
          Resume
        </button>
      )}
      <button type="button" className="button" onClick={() => setAsking(true)}>
        End…
      </button>
      <Fault words={command.said} />
      <Dialog title={`End ${strategy.name}`} isOpen={isAsking} onClose={() => setAsking(false)}>
        <p className="mb-3 text-sm">It sees no more prices and signals nothing more, for good. What it holds stays yours.</p>
        <div className="flex gap-2">
          <button
            type="button"
            className="button-strong"
            disabled={command.isBusy}
            onClick={() => void command.run(() => service.stopStrategy(strategy.id)).then(() => setAsking(false))}
          >
            End it for good
          </button>
          <button type="button" className="button" onClick={() => setAsking(false)}>
            Leave it
          </button>
        </div>
      </Dialog>
    </div>
  )
}
