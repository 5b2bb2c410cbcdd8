// Working orders, and the newest of those that are done.
import type { ReactNode } from 'react'
import { isWorking, newestFirst, type ById, type OrderLine } from '../folds'
import { figure, timeOfDay, words } from '../format'
import { Lines } from './lines'

interface OrdersProps {
  readonly orders: ById<OrderLine>
  readonly isReady: boolean
  readonly isStale: boolean
  readonly fault: string | null
  readonly onTakeBack?: (id: string) => void
}

const LOOKS: Partial<Record<OrderLine['status'], string>> = {
  FILLED: 'text-good',
  DENIED: 'text-bad',
  REJECTED: 'text-bad',
  CANCELLED: 'text-soft',
  EXPIRED: 'text-soft',
}

export function Orders({ orders, onTakeBack, ...live }: OrdersProps): ReactNode {
  const shown = [...orders.values()].sort((one, other) => Number(isWorking(other)) - Number(isWorking(one)) || newestFirst(one, other))
  const head = (
    <>
      <th>Time</th>
      <th>Order</th>
      <th className="number">Quantity</th>
      <th className="number">Filled</th>
      <th className="number">Price</th>
      <th>Status</th>
    </>
  )
  return (
    <Lines title="Orders" count={shown.length} empty="No order is working, and none was done since this page was opened." head={head} {...live}>
      {shown.map((order) => (
        <tr key={order.id} data-testid="order" data-status={order.status}>
          <td className="whitespace-nowrap text-soft">{timeOfDay(order.createdAt)}</td>
          <td>
            {words(order.side)} <strong>{order.symbol}</strong> <span className="text-soft">{words(order.type)}, {words(order.origin)}</span>
          </td>
          <td className="number">{figure(order.quantity)}</td>
          <td className="number">{figure(order.filledQuantity)}</td>
          <td className="number">{order.limitPrice ?? order.stopPrice ? figure(order.limitPrice ?? order.stopPrice) : 'market'}</td>
          <td>
            <span className={LOOKS[order.status] ?? 'font-semibold'}>{words(order.status)}</span>
            {onTakeBack !== undefined && isWorking(order) && (
              <button type="button" className="button ml-2" onClick={() => onTakeBack(order.id)}>
                Cancel
              </button>
            )}
            {order.reason !== null && <span className="block text-xs text-soft">{order.reason}</span>}
          </td>
        </tr>
      ))}
    </Lines>
  )
}
