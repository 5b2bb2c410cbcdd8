// The route /orders/:id: one order in full, its fills, and everything that happened to it, in order.
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { OrderInFullDocument, type OrderInFullQuery } from '../../generated/operations'
import { dateAndTime, figure, lookOf, timeOfDay, words } from '../format'
import { Card } from '../parts/card'
import { Details } from '../parts/details'
import { useAnswer, useChanges } from '../use-live'
import { FillsTable } from './fills-table'
import { ORDER_EVENTS, orderTitle } from './order-words'

type InFull = NonNullable<OrderInFullQuery['order']>
type Step = OrderInFullQuery['eventHistory']['edges'][number]['node']

export function OrderPage(): ReactNode {
  const { id = '' } = useParams()
  const changes = useChanges(ORDER_EVENTS, id)
  const { data, fault } = useAnswer(OrderInFullDocument, { id }, changes.version)
  const order = data?.order ?? null
  const shown = { isReady: data !== null, isStale: changes.staleSince !== null || (data !== null && fault !== null), fault }
  const fills = data?.executions.edges.map((edge) => edge.node) ?? []
  const steps = data?.eventHistory.edges.map((edge) => edge.node).reverse() ?? []
  return (
    <>
      <h1 className="text-xl font-bold">
        <Link className="link" to="/orders">
          Orders
        </Link>{' '}
        / {order === null ? id : orderTitle(order)}
      </h1>
      <Card title="Order" count={order === null ? 0 : 1} empty="There is no such order, or it is not yours." {...shown}>
        {order !== null && <OrderDetails order={order} />}
      </Card>
      {order !== null && (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[repeat(2,minmax(0,1fr))]">
          <Card title="Status history" count={steps.length} empty="Nothing is recorded." {...shown}>
            <ol className="flex flex-col gap-2 text-sm">
              {steps.map((step) => (
                <StepLine key={step.id} step={step} />
              ))}
            </ol>
          </Card>
          <Card title="Fills" count={fills.length} empty="Nothing was filled." {...shown}>
            <FillsTable fills={fills} />
          </Card>
        </div>
      )}
    </>
  )
}

function OrderDetails({ order }: { readonly order: InFull }): ReactNode {
  return (
    <>
      <Details
        lines={[
          ['Status', <span className={lookOf(order.status) || 'font-semibold'}>{words(order.status)}</span>],
          ['Filled', `${figure(order.filledQuantity)} of ${figure(order.quantity)}`],
          ['Average price', figure(order.averagePrice)],
          ['Commission', figure(order.commission)],
          ['Time in force', order.timeInForce],
          ['Checked at', figure(order.referencePrice)],
          ['Wanted by', words(order.origin)],
          ['Reduce only', order.reduceOnly ? 'yes' : 'no'],
          ['Admitted or denied', dateAndTime(order.createdAt)],
          ['Sent', order.submittedAt === null ? '–' : dateAndTime(order.submittedAt)],
          ['Done', order.closedAt === null ? '–' : dateAndTime(order.closedAt)],
          ['Taken back at', order.expiresAt === null ? '–' : dateAndTime(order.expiresAt)],
          ['Client order id', order.clientOrderId],
          ['Venue order id', order.venueOrderId ?? '–'],
          ['Strategy', order.strategyId === null ? '–' : <Link className="link" to={`/strategies/${order.strategyId}`}>{order.strategyId}</Link>],
          ['Order id', order.id],
        ]}
      />
      {order.reason !== null && order.denialReasons.length === 0 && <p className="mt-3 text-sm">{order.reason}</p>}
      {order.denialReasons.length > 0 && (
        <ul className="mt-3 list-disc pl-5 text-sm text-bad">
          {order.denialReasons.map((reason) => (
            <li key={`${reason.code} ${reason.message}`}>
              {reason.message}
              {reason.limit !== null && (
                <span className="text-soft">
                  {' '}
                  (limit {figure(reason.limit)}, would be {figure(reason.observed)}, room {figure(reason.headroom)})
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function StepLine({ step }: { readonly step: Step }): ReactNode {
  const said = (step.payload as { readonly reason?: unknown }).reason
  return (
    <li className="flex gap-3" data-testid="order-step">
      <time className="whitespace-nowrap text-soft tabular-nums" dateTime={step.createdAt} title={dateAndTime(step.createdAt)}>
        {timeOfDay(step.createdAt)}
      </time>
      <span>
        <Link className="link" to={`/events/${step.id}`}>
          {words(step.type)}
        </Link>
        {typeof said === 'string' && said !== '' && <span className="block text-xs text-soft">{said}</span>}
      </span>
    </li>
  )
}
