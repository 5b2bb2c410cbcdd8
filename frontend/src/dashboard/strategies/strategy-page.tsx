// The route /strategies/:id: how a strategy did on each market day, and its newest orders.
import { useMemo, type ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { StrategyInFullDocument, type EventType, type StrategyInFullQuery } from '../../generated/operations'
import { dateAndTime, figure, gainLook, lookOf, money, words } from '../format'
import { OrdersTable } from '../orders/orders-table'
import { Card } from '../parts/card'
import { Chart } from '../parts/chart'
import { DataTable, type Column } from '../parts/data-table'
import { Details } from '../parts/details'
import { useCurrency } from '../shell/currency'
import { useAnswer, useChanges } from '../use-live'
import { StrategyControls } from './strategy-controls'
import { parametersOf, profitOf, STRATEGY_EVENTS } from './strategy-words'

type Day = StrategyInFullQuery['strategyPerformance']['edges'][number]['node']
const CHANGES: readonly EventType[] = [...STRATEGY_EVENTS, 'SIGNAL_GENERATED', 'ORDER_FILLED', 'ORDER_DENIED']

const COLUMNS: readonly Column<Day>[] = [
  { name: 'Market day', by: (day) => day.marketDay, show: (day) => day.marketDay },
  { name: 'Signals', isNumber: true, by: (day) => day.signals, show: (day) => figure(day.signals) },
  { name: 'Orders', isNumber: true, by: (day) => day.orders, show: (day) => figure(day.orders) },
  { name: 'Denied', isNumber: true, by: (day) => day.denials, show: (day) => figure(day.denials) },
  { name: 'Fills', isNumber: true, by: (day) => day.fills, show: (day) => figure(day.fills) },
  { name: 'Realized', isNumber: true, by: (day) => Number(day.realizedPnl), show: (day) => <span className={gainLook(day.realizedPnl)}>{figure(day.realizedPnl)}</span> },
  {
    name: 'Unrealized',
    isNumber: true,
    by: (day) => Number(day.unrealizedPnl),
    show: (day) => <span className={gainLook(day.unrealizedPnl)}>{figure(day.unrealizedPnl)}</span>,
  },
  { name: 'Commission', isNumber: true, show: (day) => figure(day.commission) },
  { name: 'Turnover', isNumber: true, by: (day) => Number(day.turnover), show: (day) => figure(day.turnover) },
]

export function StrategyPage(): ReactNode {
  const { id = '' } = useParams()
  const currency = useCurrency()
  const changes = useChanges(CHANGES)
  const { data, fault } = useAnswer(StrategyInFullDocument, { id }, changes.version)
  const strategy = data?.strategy ?? null
  const shown = { isReady: data !== null, isStale: changes.staleSince !== null || (data !== null && fault !== null), fault }
  const days = data?.strategyPerformance.edges.map((edge) => edge.node) ?? []
  const orders = data?.orders.edges.map((edge) => edge.node) ?? []
  const points = useMemo(() => profitOf(days), [data])
  return (
    <>
      <h1 className="text-xl font-bold">
        <Link className="link" to="/strategies">
          Strategies
        </Link>{' '}
        / {strategy?.name ?? id}
      </h1>
      <Card title="Strategy" count={strategy === null ? 0 : 1} empty="There is no such strategy, or it is not yours." {...shown}>
        {strategy !== null && (
          <>
            <Details
              lines={[
                ['Status', <span className={lookOf(strategy.status)}>{words(strategy.status)}</span>],
                ['Kind', words(strategy.kind)],
                ['Symbols', strategy.symbols.join(', ')],
                ['Parameters', parametersOf(strategy.parameters)],
                ['Deployed', dateAndTime(strategy.deployedAt)],
                ['Last changed', dateAndTime(strategy.updatedAt)],
                ['Id', strategy.id],
              ]}
            />
            {strategy.reason !== null && <p className="mt-3 text-sm">{strategy.reason}</p>}
            <div className="mt-3">
              <StrategyControls strategy={strategy} />
            </div>
          </>
        )}
      </Card>
      <Card title="Performance" count={days.length} empty="No market day is over since it was deployed." {...shown}>
        {days.length > 1 && (
          <Chart label="Realized profit since it was deployed, commission taken off" names={['Realized, less commission']} points={points} valueOf={(value) => money(String(value), currency)} />
        )}
        <DataTable name="days" columns={COLUMNS} lines={days} attributesOf={() => ({ 'data-testid': 'strategy-day' })} />
      </Card>
      <Card title="Newest orders" count={orders.length} empty="It has ordered nothing yet." {...shown}>
        <OrdersTable orders={orders} canCancel />
      </Card>
    </>
  )
}
