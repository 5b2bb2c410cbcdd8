// Whether trading goes on: the loudest thing on every page.
import type { ReactNode } from 'react'
import type { LiveTradingStateSubscription } from '../../generated/operations'
import { relativeTime, words } from '../format'
import { useRights } from '../shell/me'
import type { Live } from '../use-live'
import { useNow } from '../use-now'
import { ResumeControl } from './resume-control'

export type TradingState = LiveTradingStateSubscription['tradingState']
export type Halt = TradingState['halts'][number]

const SAID: Record<TradingState['state'], { readonly title: string; readonly look: string }> = {
  ACTIVE: { title: 'Trading is active', look: 'border-good text-good' },
  RESTRICTED: { title: 'Trading is restricted', look: 'border-warn text-warn' },
  HALTED: { title: 'Trading is stopped', look: 'border-bad bg-bad-sunk text-bad' },
}

export function TradingBanner({ trading }: { readonly trading: Live<TradingState | null> }): ReactNode {
  const { state, staleSince } = trading
  if (state === null) {
    return (
      <section className="card text-soft" data-testid="trading-state" data-state="UNKNOWN">
        {trading.fault ?? 'Asking whether trading goes on…'}
      </section>
    )
  }
  const { title, look } = SAID[state.state]
  return (
    <section
      role="status"
      data-testid="trading-state"
      data-state={state.state}
      className={`rounded-xl border-2 bg-page px-4 py-3 ${look} ${staleSince === null ? '' : 'stale'}`}
    >
      <p className="text-2xl font-bold">
        {title}
        {staleSince !== null && <span className="ml-3 text-base font-normal">as last heard: the connection is lost</span>}
      </p>
      {state.halts.map((halt) => (
        <HaltLine key={halt.id} halt={halt} />
      ))}
    </section>
  )
}

function HaltLine({ halt }: { readonly halt: Halt }): ReactNode {
  const now = useNow()
  const rights = useRights()
  return (
    <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink">
      <p>
        <strong>{halt.target === null ? words(halt.scope) : `${words(halt.scope)} ${halt.target}`}</strong>
        {`: ${halt.reason} · ${halt.automatic ? 'by a rule' : `by ${halt.startedBy}`}, ${relativeTime(Date.parse(halt.since), now)}`}
      </p>
      {rights.may('RESUME') && <ResumeControl halt={halt} />}
    </div>
  )
}
