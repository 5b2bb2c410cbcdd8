// What became of every order that was working when trading was stopped.
import type { ReactNode } from 'react'
import type { StopEverythingMutation } from '../../generated/operations'
import { figure, words } from '../format'

export type Report = Extract<StopEverythingMutation['emergencyStop'], { __typename: 'EmergencyStopReport' }>
type Fate = Report['cancelled'][number]

export function StopReport({ report }: { readonly report: Report }): ReactNode {
  const count = report.cancelled.length + report.failed.length + report.unknown.length
  return (
    <div className="text-sm">
      {count === 0 && <p>No order was working.</p>}
      <Fates title="Taken back" orders={report.cancelled} />
      <Fates title="Done before that" orders={report.failed} />
      <Fates title="Not known yet: the venue did not answer" orders={report.unknown} />
      {report.pausedStrategies.length > 0 && (
        <p className="mt-3">Paused: {report.pausedStrategies.map((strategy) => strategy.name).join(', ')}.</p>
      )}
    </div>
  )
}

function Fates({ title, orders }: { readonly title: string; readonly orders: readonly Fate[] }): ReactNode {
  if (orders.length === 0) return null
  return (
    <section className="mt-3">
      <h3 className="font-semibold">
        {title} ({orders.length})
      </h3>
      <ul>
        {orders.map((order) => (
          <li key={order.id} data-testid="order-fate">
            {words(order.side)} {figure(order.quantity)} {order.symbol}: {words(order.status)}
            {Number(order.filledQuantity) > 0 && `, ${figure(order.filledQuantity)} filled`}
          </li>
        ))}
      </ul>
    </section>
  )
}
