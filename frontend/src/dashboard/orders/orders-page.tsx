// The route /orders: a ticket that is checked as it is written, and the orders with what became of them.
import type { ReactNode } from 'react'
import { OrderPagesDocument, type OrderFilter, type OrderSide, type OrderStatus } from '../../generated/operations'
import { WORKING } from '../folds'
import { Card } from '../parts/card'
import { ChoiceFilter, Filters, TextFilter } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlChoice, useUrlValue } from '../parts/use-url-value'
import { useRights } from '../shell/me'
import { useChanges } from '../use-live'
import { ORDER_EVENTS } from './order-words'
import { OrdersTable } from './orders-table'
import { Ticket } from './ticket'

const SIDES: readonly OrderSide[] = ['BUY', 'SELL']
const STATUSES = ['WORKING', ...WORKING, 'FILLED', 'CANCELLED', 'DENIED', 'REJECTED', 'EXPIRED'] as const

export function OrdersPage(): ReactNode {
  const rights = useRights()
  const changes = useChanges(ORDER_EVENTS)
  const pages = usePages(OrderPagesDocument, { filter: useFilter() }, (result) => result.orders, changes)
  return (
    <>
      <h1 className="text-xl font-bold">Orders</h1>
      <div className={rights.may('TRADE') ? 'grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(280px,340px)_minmax(0,1fr)]' : ''}>
        {rights.may('TRADE') && <Ticket />}
        <div className="flex min-w-0 flex-col gap-4">
          <Filters>
            <ChoiceFilter name="status" label="Status" choices={STATUSES} />
            <ChoiceFilter name="side" label="Side" choices={SIDES} />
            <TextFilter name="symbol" label="Symbol" isUpper />
          </Filters>
          <Card title="Orders" count={pages.nodes.length} empty="There is no such order." {...pages}>
            <OrdersTable orders={pages.nodes} canCancel />
            <MoreButton pages={pages} />
          </Card>
        </div>
      </div>
    </>
  )
}

function useFilter(): OrderFilter {
  const [status] = useUrlChoice('status', STATUSES)
  const [side] = useUrlChoice('side', SIDES)
  const [symbol] = useUrlValue('symbol')
  const statuses: readonly OrderStatus[] = status === 'WORKING' ? WORKING : status === '' ? [] : [status]
  return {
    ...(statuses.length > 0 ? { statuses: [...statuses] } : {}),
    ...(side === '' ? {} : { side }),
    ...(symbol === '' ? {} : { symbol }),
  }
}
