// Every order's fate, live: what worked when trading was stopped, and what has become of it by now.
import type { ReactNode } from 'react'
import { LiveOrdersDocument, type FateFragment } from '../../generated/operations'
import { isWorking, withOrder, type ById, type OrderLine } from '../folds'
import { figure, lookOf, words } from '../format'
import type { Outcome, StopReport } from '../trading-engine-service'
import { useLive } from '../use-live'

/** An outcome of null is one that is still waited for. */
export function StopOutcome({ outcome }: { readonly outcome: Outcome<StopReport> | null }): ReactNode {
  const live = useLive(LiveOrdersDocument, () => ({}), (): ById<OrderLine> => new Map(), withOrder)
  if (outcome === null) {
    const working = [...live.state.values()].filter(isWorking)
    return (
      <div className="text-sm">
        <p className="mb-2">The stop is sent; what works is being taken back.</p>
        <Fates title="Still working" orders={working} live={live.state} />
      </div>
    )
  }
  if (!outcome.isDone) {
    return (
      <p role="alert">
        {outcome.words} Hold the button again; on the machine itself <code>trading-engine stop</code> does the same.
      </p>
    )
  }
  const { cancelled, failed, unknown, flattenOrders, pausedStrategies } = outcome.value
  return (
    <div className="text-sm">
      {cancelled.length + failed.length + unknown.length === 0 && <p>No order was working.</p>}
      <Fates title="Taken back" orders={cancelled} live={live.state} />
      <Fates title="Done before that" orders={failed} live={live.state} />
      <Fates title="Without an answer of the venue so far; taking them back goes on" orders={unknown} live={live.state} />
      <Fates title="Sent to close positions" orders={flattenOrders} live={live.state} />
      {pausedStrategies.length > 0 && <p className="mt-3">Paused: {pausedStrategies.map((strategy) => strategy.name).join(', ')}.</p>}
    </div>
  )
}

interface FatesProps {
  readonly title: string
  readonly orders: readonly FateFragment[]
  readonly live: ById<OrderLine>
}

function Fates({ title, orders, live }: FatesProps): ReactNode {
  if (orders.length === 0) return null
  return (
    <section className="mt-3">
      <h3 className="font-semibold">
        {title} ({orders.length})
      </h3>
      <ul>
        {orders.map((then) => {
          const order = live.get(then.id) ?? then
          return (
            <li key={order.id} data-testid="order-fate" data-status={order.status}>
              {words(order.side)} {figure(order.quantity)} {order.symbol}: <span className={lookOf(order.status)}>{words(order.status)}</span>
              {Number(order.filledQuantity) > 0 && `, ${figure(order.filledQuantity)} filled`}
            </li>
          )
        })}
      </ul>
    </section>
  )
}
