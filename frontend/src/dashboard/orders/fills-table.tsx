// Fills, as the venue reported them.
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { FillLineFragment } from '../../generated/operations'
import { figure, gainLook, timeOfDay, words } from '../format'
import { DataTable, type Column } from '../parts/data-table'

const COLUMNS: readonly Column<FillLineFragment>[] = [
  { name: 'Time', by: (fill) => fill.executedAt, show: (fill) => <span className="whitespace-nowrap text-soft">{timeOfDay(fill.executedAt)}</span> },
  {
    name: 'Fill',
    by: (fill) => fill.symbol,
    show: (fill) => (
      <>
        {words(fill.side)}{' '}
        <Link className="link font-semibold" to={`/orders/${fill.orderId}`}>
          {fill.symbol}
        </Link>
      </>
    ),
  },
  { name: 'Quantity', isNumber: true, by: (fill) => Number(fill.quantity), show: (fill) => figure(fill.quantity) },
  { name: 'Price', isNumber: true, by: (fill) => Number(fill.price), show: (fill) => figure(fill.price) },
  { name: 'Commission', isNumber: true, show: (fill) => figure(fill.commission) },
  {
    name: 'Realized',
    isNumber: true,
    by: (fill) => Number(fill.realizedPnl),
    show: (fill) => <span className={gainLook(fill.realizedPnl)}>{figure(fill.realizedPnl)}</span>,
  },
]

export function FillsTable({ fills }: { readonly fills: readonly FillLineFragment[] }): ReactNode {
  return <DataTable name="fills" columns={COLUMNS} lines={fills} attributesOf={() => ({ 'data-testid': 'fill' })} />
}
