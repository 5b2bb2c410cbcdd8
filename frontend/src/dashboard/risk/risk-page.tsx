// The route /risk: every limit and its use, the orders that were denied and why, and the limits that were hit.
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { DenialPagesDocument, RiskLimitsDocument, ViolationPagesDocument, type DenialPagesQuery, type ViolationPagesQuery } from '../../generated/operations'
import { dateAndTime, figure, words } from '../format'
import { orderTitle } from '../orders/order-words'
import { Card } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { Filters, TextFilter } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlValue } from '../parts/use-url-value'
import { ViewTabs } from '../parts/view-tabs'
import { useAnswer, useChanges, useTurn } from '../use-live'
import { Limits } from './limits'

type Denial = DenialPagesQuery['orders']['edges'][number]['node']
type Violation = ViolationPagesQuery['riskViolations']['edges'][number]['node']
const LIMITS_EVERY_MS = 2_000

export function RiskPage(): ReactNode {
  return (
    <>
      <h1 className="text-xl font-bold">Risk</h1>
      <ViewTabs
        label="Parts of the risk view"
        parts={[
          { value: 'limits', title: 'Limits', content: <LimitsNow /> },
          { value: 'denials', title: 'Denied orders', content: <Denials /> },
          { value: 'violations', title: 'Violations', content: <Violations /> },
        ]}
      />
    </>
  )
}

function LimitsNow(): ReactNode {
  const { data, fault } = useAnswer(RiskLimitsDocument, {}, useTurn(LIMITS_EVERY_MS))
  return (
    <>
      <Limits limits={data?.riskLimits ?? null} isStale={data !== null && fault !== null} fault={fault} />
      <p className="text-sm text-soft">
        Working orders count. The limits themselves are part of the <Link className="link" to="/configuration">configuration</Link>.
      </p>
    </>
  )
}

const DENIAL_COLUMNS: readonly Column<Denial>[] = [
  { name: 'When', by: (order) => order.createdAt, show: (order) => <span className="whitespace-nowrap text-soft">{dateAndTime(order.createdAt)}</span> },
  {
    name: 'Order',
    by: (order) => order.symbol,
    show: (order) => (
      <Link className="link" to={`/orders/${order.id}`}>
        {orderTitle(order)}
      </Link>
    ),
  },
  {
    name: 'Why',
    show: (order) => (
      <ul>
        {order.denialReasons.map((reason) => (
          <li key={`${reason.code} ${reason.message}`}>
            {reason.message}
            {reason.limit !== null && <span className="text-soft"> (limit {figure(reason.limit)}, would be {figure(reason.observed)})</span>}
          </li>
        ))}
      </ul>
    ),
  },
]

function Denials(): ReactNode {
  const changes = useChanges(['ORDER_DENIED'])
  const pages = usePages(DenialPagesDocument, {}, (result) => result.orders, changes)
  return (
    <Card title="Denied orders" count={pages.nodes.length} empty="No order was denied." {...pages}>
      <DataTable name="denials" columns={DENIAL_COLUMNS} lines={pages.nodes} attributesOf={() => ({ 'data-testid': 'denial' })} />
      <MoreButton pages={pages} />
    </Card>
  )
}

const VIOLATION_COLUMNS: readonly Column<Violation>[] = [
  { name: 'When', by: (each) => each.createdAt, show: (each) => <span className="whitespace-nowrap text-soft">{dateAndTime(each.createdAt)}</span> },
  { name: 'Limit', by: (each) => each.code, show: (each) => words(each.code) },
  { name: 'Symbol', by: (each) => each.symbol ?? '', show: (each) => each.symbol ?? '–' },
  { name: 'Finding', show: (each) => each.message },
  { name: 'Allowed', isNumber: true, show: (each) => figure(each.limit) },
  { name: 'Would be', isNumber: true, show: (each) => figure(each.observed) },
  { name: 'Room', isNumber: true, show: (each) => figure(each.headroom) },
  {
    name: 'Its order',
    isSilent: true,
    show: (each) =>
      each.orderId !== null && (
        <Link className="link" to={`/orders/${each.orderId}`}>
          order
        </Link>
      ),
  },
]

function Violations(): ReactNode {
  const [symbol] = useUrlValue('symbol')
  const changes = useChanges(['RISK_VIOLATION'])
  const pages = usePages(ViolationPagesDocument, { filter: symbol === '' ? {} : { symbol } }, (result) => result.riskViolations, changes)
  return (
    <>
      <Filters>
        <TextFilter name="symbol" label="Symbol" isUpper />
      </Filters>
      <Card title="Violations" count={pages.nodes.length} empty="No limit was hit." {...pages}>
        <DataTable name="violations" columns={VIOLATION_COLUMNS} lines={pages.nodes} attributesOf={() => ({ 'data-testid': 'violation' })} />
        <MoreButton pages={pages} />
      </Card>
    </>
  )
}
