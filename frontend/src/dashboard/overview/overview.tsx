// What an operator looks at all day: money, limits, orders, positions, what happens, and how the engine is.
import { useEffect, useState, type ReactNode } from 'react'
import { AccountDocument, LiveOrdersDocument, LivePositionsDocument } from '../../generated/operations'
import { TradingEngineStatus } from '../engine-status/trading-engine-status'
import { EventTicker } from '../events/event-ticker'
import { withOrder, withPosition, type ById, type OrderLine, type PositionLine } from '../folds'
import { useAnswer, useLive } from '../use-live'
import { EquityCurve } from './equity-curve'
import { Limits } from './limits'
import { Money } from './money'
import { Orders } from './orders'
import { Positions } from './positions'

const ACCOUNT_EVERY_MS = 2_000
const nothing = (): Record<string, never> => ({})

export function Overview(): ReactNode {
  const orders = useLive(LiveOrdersDocument, nothing, (): ById<OrderLine> => new Map(), withOrder)
  const positions = useLive(LivePositionsDocument, nothing, (): ById<PositionLine> => new Map(), withPosition)
  const account = useAnswer(AccountDocument, {}, useTurn(ACCOUNT_EVERY_MS))
  const portfolio = account.data?.portfolio ?? null
  const staleSince = positions.staleSince ?? orders.staleSince
  return (
    <>
      <h1 className="sr-only">Overview</h1>
      {portfolio === null ? (
        <section className="card text-soft">{account.fault ?? 'Asking for the account…'}</section>
      ) : (
        <div className={`grid gap-4 lg:grid-cols-[2fr_3fr] ${account.fault === null ? '' : 'stale'}`}>
          <Money portfolio={portfolio} fault={account.fault} />
          <EquityCurve equity={portfolio.equity} currency={portfolio.currency} />
        </div>
      )}
      <div className="grid gap-4 xl:grid-cols-[3fr_2fr]">
        <div className="flex min-w-0 flex-col gap-4">
          <Positions positions={positions.state} currency={portfolio?.currency ?? 'USD'} isReady={positions.isReady} isStale={staleSince !== null} fault={positions.fault} />
          <Orders orders={orders.state} isReady={orders.isReady} isStale={staleSince !== null} fault={orders.fault} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <TradingEngineStatus isBrief />
          <Limits limits={account.data?.riskLimits ?? []} />
          <EventTicker />
        </div>
      </div>
    </>
  )
}

/** A number that grows every so often while the page is looked at. */
function useTurn(everyMs: number): number {
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && setTurn((before) => before + 1), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return turn
}
