// Open positions at the latest prices, and closing them.
import { useState, type ReactNode } from 'react'
import type { PositionLine } from '../folds'
import { figure, gainLook, money } from '../format'
import { Fault } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { Dialog } from '../parts/dialog'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useService } from '../use-live'

interface PositionsTableProps {
  readonly positions: readonly PositionLine[]
  readonly currency: string
  /** Whether positions may be closed here. */
  readonly canClose?: boolean
}

export function PositionsTable({ positions, currency, canClose = false }: PositionsTableProps): ReactNode {
  const rights = useRights()
  const columns: Column<PositionLine>[] = [
    {
      name: 'Symbol',
      by: (position) => position.symbol,
      show: (position) => (
        <>
          <strong>{position.symbol}</strong>
          {position.stale && <span className="ml-2 text-xs text-warn">old price</span>}
          {rights.seesAll && position.userId !== rights.userId && <span className="block text-xs text-soft">{position.userId}</span>}
        </>
      ),
    },
    { name: 'Quantity', isNumber: true, by: (position) => Number(position.quantity), show: (position) => figure(position.quantity) },
    { name: 'Average', isNumber: true, show: (position) => figure(position.averagePrice) },
    { name: 'Price', isNumber: true, show: (position) => figure(position.marketPrice) },
    { name: 'Value', isNumber: true, by: (position) => Number(position.marketValue), show: (position) => money(position.marketValue, currency) },
    {
      name: 'Unrealized',
      isNumber: true,
      by: (position) => Number(position.unrealizedPnl),
      show: (position) => <span className={gainLook(position.unrealizedPnl)}>{money(position.unrealizedPnl, currency, true)}</span>,
    },
  ]
  if (canClose) {
    columns.push({
      name: 'Realized',
      isNumber: true,
      by: (position) => Number(position.realizedPnl),
      show: (position) => <span className={gainLook(position.realizedPnl)}>{money(position.realizedPnl, currency, true)}</span>,
    })
    if (rights.may('TRADE')) {
      columns.push({ name: 'What to do', isSilent: true, show: (position) => position.userId === rights.userId && <CloseControl position={position} /> })
    }
  }
  return <DataTable name="positions" columns={columns} lines={positions} attributesOf={(position) => ({ 'data-testid': 'position', 'data-symbol': position.symbol })} />
}

function CloseControl({ position }: { readonly position: PositionLine }): ReactNode {
  const service = useService()
  const command = useCommand()
  // One id for each closing that is wanted: pressing again after a lost answer closes once.
  const [wanted, setWanted] = useState<string | null>(null)
  const quantity = Number(position.quantity)
  const what = `${quantity > 0 ? 'Sell' : 'Buy'} ${figure(Math.abs(quantity))} ${position.symbol} at the market`
  return (
    <>
      <button type="button" className="button" onClick={() => setWanted(crypto.randomUUID())}>
        Close…
      </button>
      <Dialog title={`Close ${position.symbol}`} isOpen={wanted !== null} onClose={() => setWanted(null)}>
        <p className="mb-3 text-sm">{what}: the position is flat when the order is filled. This is possible while trading is stopped, too.</p>
        <Fault words={command.said} />
        <div className="flex gap-2">
          <button
            type="button"
            className="button-strong"
            disabled={command.isBusy}
            onClick={() => wanted !== null && void command.run(() => service.closePosition(position.symbol, wanted)).then((isDone) => isDone && setWanted(null))}
          >
            {what}
          </button>
          <button type="button" className="button" onClick={() => setWanted(null)}>
            Keep it
          </button>
        </div>
      </Dialog>
    </>
  )
}
