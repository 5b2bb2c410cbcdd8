// The route /orders: a ticket that is checked as it is written, and the orders with what became of them.
import { useState, type ReactNode } from 'react'
import { LiveOrdersDocument, TakeBackOrderDocument } from '../../generated/operations'
import { withOrder, type ById, type OrderLine } from '../folds'
import { Orders } from '../overview/orders'
import { useClient, useLive } from '../use-live'
import { Ticket } from './ticket'

export function OrdersPage(): ReactNode {
  const client = useClient()
  const [said, setSaid] = useState<string | null>(null)
  const orders = useLive(LiveOrdersDocument, (): Record<string, never> => ({}), (): ById<OrderLine> => new Map(), withOrder)

  function takeBack(id: string): void {
    client
      .ask(TakeBackOrderDocument, { id })
      .then(({ cancelOrder }) => setSaid(cancelOrder.__typename === 'Refused' ? cancelOrder.message : null))
      .catch((error: unknown) => setSaid((error as Error).message))
  }
  return (
    <>
      <h1 className="text-xl font-bold">Orders</h1>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(280px,360px)_1fr]">
        <Ticket />
        <div className="min-w-0">
          {said !== null && (
            <p role="alert" className="mb-2 text-sm text-bad">
              {said}
            </p>
          )}
          <Orders orders={orders.state} isReady={orders.isReady} isStale={orders.staleSince !== null} fault={orders.fault} onTakeBack={takeBack} />
        </div>
      </div>
    </>
  )
}
