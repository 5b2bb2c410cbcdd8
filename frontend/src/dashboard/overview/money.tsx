// The account in figures: what it is worth, what was gained, what is free.
import type { ReactNode } from 'react'
import type { AccountQuery } from '../../generated/operations'
import { gainLook, money, percent, share } from '../format'

export type Portfolio = NonNullable<AccountQuery['portfolio']>

export function Money({ portfolio, fault }: { readonly portfolio: Portfolio; readonly fault: string | null }): ReactNode {
  const { currency, equity, startingCash } = portfolio
  const gained = String(Number(equity) - Number(startingCash))
  return (
    <section className="card" aria-label="Account">
      <h2>Equity</h2>
      <p className="text-3xl font-bold tabular-nums" data-testid="equity">
        {money(equity, currency)}
      </p>
      <p className={`tabular-nums ${gainLook(gained)}`}>
        {money(gained, currency, true)} <span className="text-soft">({percent(share(gained, startingCash))} since the account was opened)</span>
      </p>
      <p className="tabular-nums" data-testid="day-profit">
        {portfolio.dayPnl === null ? (
          <span className="text-soft">The day’s profit is not known yet</span>
        ) : (
          <>
            <span className={gainLook(portfolio.dayPnl)}>{money(portfolio.dayPnl, currency, true)}</span> <span className="text-soft">this market day</span>
          </>
        )}
      </p>
      <dl className="mt-4 grid grid-cols-2 gap-x-4 gap-y-2 text-sm tabular-nums">
        <Line name="Cash" value={money(portfolio.cash, currency)} />
        <Line name="Exposure" value={`${money(portfolio.exposure, currency)} (${percent(share(portfolio.exposure, equity))})`} />
        <Line name="Realized" value={money(portfolio.realizedPnl, currency, true)} />
        <Line name="Unrealized" value={money(portfolio.unrealizedPnl, currency, true)} />
        <Line name="Commission paid" value={money(portfolio.commissionPaid, currency)} />
      </dl>
      {fault !== null && (
        <p role="status" className="mt-3 text-sm text-warn">
          {fault}
        </p>
      )}
    </section>
  )
}

function Line({ name, value }: { readonly name: string; readonly value: string }): ReactNode {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
