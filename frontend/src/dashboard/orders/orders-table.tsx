// Orders as a table: what was asked for, how far it is, and taking it back.
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { isWorking, type OrderLine } from '../folds'
import { figure, lookOf, timeOfDay, words } from '../format'
import { Fault } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useService } from '../use-live'
import { askedPrice } from './order-words'

interface OrdersTableProps {
  readonly orders: readonly OrderLine[]
  /** Whether orders may be taken back here. */
  readonly canCancel?: boolean
}

export function OrdersTable({ orders, canCancel = false }: OrdersTableProps): ReactNode {
  const rights = useRights()
  const columns: readonly Column<OrderLine>[] = [
    ...COLUMNS,
    ...(canCancel && rights.may('TRADE')
      ? [{ name: 'What to do', isSilent: true, show: (order: OrderLine) => isWorking(order) && order.userId === rights.userId && <TakeBack order={order} /> }]
      : []),
  ]
  return <DataTable name="orders" columns={columns} lines={orders} attributesOf={(order) => ({ 'data-testid': 'order', 'data-status': order.status })} />
}

const COLUMNS: readonly Column<OrderLine>[] = [
  { name: 'Time', by: (order) => order.createdAt, show: (order) => <span className="whitespace-nowrap text-soft">{timeOfDay(order.createdAt)}</span> },
  {
    name: 'Order',
    by: (order) => order.symbol,
    show: (order) => (
      <>
        {words(order.side)}{' '}
        <Link className="link font-semibold" to={`/orders/${order.id}`}>
          {order.symbol}
        </Link>{' '}
        <span className="text-soft">
          {words(order.type)}, {words(order.origin)}
        </span>
      </>
    ),
  },
  { name: 'Quantity', isNumber: true, by: (order) => Number(order.quantity), show: (order) => figure(order.quantity) },
  { name: 'Filled', isNumber: true, by: (order) => Number(order.filledQuantity), show: (order) => figure(order.filledQuantity) },
  { name: 'Price', isNumber: true, show: (order) => askedPrice(order) },
  { name: 'Average', isNumber: true, show: (order) => figure(order.averagePrice) },
  {
    name: 'Status',
    by: (order) => order.status,
    show: (order) => (
      <>
        <span className={lookOf(order.status) || 'font-semibold'}>{words(order.status)}</span>
        {order.reason !== null && <span className="block max-w-96 text-xs text-soft">{order.reason}</span>}
      </>
    ),
  },
]

function TakeBack({ order }: { readonly order: OrderLine }): ReactNode {
  const service = useService()
  const command = useCommand()
  return (
    <>
      <button type="button" className="button" disabled={command.isBusy} onClick={() => void command.run(() => service.cancelOrder(order.id))}>
        Cancel
      </button>
      <Fault words={command.said} />
    </>
  )
}
