// Open positions at the latest prices.
import type { ReactNode } from 'react'
import type { ById, PositionLine } from '../folds'
import { figure, money } from '../format'
import { Lines } from './lines'

interface PositionsProps {
  readonly positions: ById<PositionLine>
  readonly currency: string
  readonly isReady: boolean
  readonly isStale: boolean
  readonly fault: string | null
}

export function Positions({ positions, currency, ...live }: PositionsProps): ReactNode {
  const shown = [...positions.values()].sort((one, other) => one.symbol.localeCompare(other.symbol))
  const head = (
    <>
      <th>Symbol</th>
      <th className="number">Quantity</th>
      <th className="number">Average</th>
      <th className="number">Price</th>
      <th className="number">Value</th>
      <th className="number">Unrealized</th>
    </>
  )
  return (
    <Lines title="Positions" count={shown.length} empty="No position is open." head={head} {...live}>
      {shown.map((position) => (
        <tr key={position.id} data-testid="position">
          <td>
            <strong>{position.symbol}</strong>
            {position.stale && <span className="ml-2 text-xs text-warn">old price</span>}
          </td>
          <td className="number">{figure(position.quantity)}</td>
          <td className="number">{figure(position.averagePrice)}</td>
          <td className="number">{figure(position.marketPrice)}</td>
          <td className="number">{money(position.marketValue, currency)}</td>
          <td className={`number ${Number(position.unrealizedPnl) < 0 ? 'text-bad' : 'text-good'}`}>{money(position.unrealizedPnl, currency, true)}</td>
        </tr>
      ))}
    </Lines>
  )
}
