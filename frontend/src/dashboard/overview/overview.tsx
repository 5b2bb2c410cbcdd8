// What an operator looks at all day: money, limits, orders, positions, what happens, and how the engine is.
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { AccountDocument, LiveOrdersDocument } from '../../generated/operations'
import { TradingEngineStatus } from '../engine-status/trading-engine-status'
import { EventTicker } from '../events/event-ticker'
import { isWorking, newestFirst, withOrder, type ById, type OrderLine } from '../folds'
import { OrdersTable } from '../orders/orders-table'
import { Card } from '../parts/card'
import { PositionsTable } from '../positions/positions-table'
import { usePositions } from '../positions/use-positions'
import { Limits } from '../risk/limits'
import { useAnswer, useLive, useTurn } from '../use-live'
import { EquityCurve } from './equity-curve'
import { Money } from './money'

const ACCOUNT_EVERY_MS = 2_000

export function Overview(): ReactNode {
  const orders = useLive(LiveOrdersDocument, () => ({}), (): ById<OrderLine> => new Map(), withOrder)
  const positions = usePositions()
  const account = useAnswer(AccountDocument, {}, useTurn(ACCOUNT_EVERY_MS))
  const portfolio = account.data?.portfolio ?? null
  const lines = [...orders.state.values()].sort((one, other) => Number(isWorking(other)) - Number(isWorking(one)) || newestFirst(one, other))
  return (
    <>
      <h1 className="sr-only">Overview</h1>
      {portfolio === null ? (
        <section className="card text-soft">{account.fault ?? (account.data === null ? 'Asking for the account…' : 'You have no account.')}</section>
      ) : (
        <div className={`grid gap-4 lg:grid-cols-[2fr_3fr] ${account.fault === null ? '' : 'stale'}`}>
          <Money portfolio={portfolio} fault={account.fault} />
          <EquityCurve equity={portfolio.equity} currency={portfolio.currency} />
        </div>
      )}
      <div className="grid gap-4 xl:grid-cols-[3fr_2fr]">
        <div className="flex min-w-0 flex-col gap-4">
          <Card title="Positions" count={positions.lines.length} empty="No position is open." {...positions} aside={<Link className="link" to="/positions">All about positions</Link>}>
            <PositionsTable positions={positions.lines} currency={portfolio?.currency ?? 'USD'} />
          </Card>
          <Card
            title="Newest orders"
            count={lines.length}
            empty="No order is working, and none was done since this page was opened."
            isReady={orders.isReady}
            isStale={orders.staleSince !== null}
            fault={orders.fault}
            aside={<Link className="link" to="/orders">All orders</Link>}
          >
            <OrdersTable orders={lines} />
          </Card>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <TradingEngineStatus isBrief />
          <Limits limits={account.data?.riskLimits ?? null} isStale={account.fault !== null} fault={account.fault} />
          <EventTicker />
        </div>
      </div>
    </>
  )
}
