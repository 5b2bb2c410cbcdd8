// The route /positions: what is held and what it is worth, closing it, and the fills it came from.
import type { ReactNode } from 'react'
import { FillPagesDocument } from '../../generated/operations'
import { FillsTable } from '../orders/fills-table'
import { Card } from '../parts/card'
import { Filters, TextFilter } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlValue } from '../parts/use-url-value'
import { useCurrency } from '../shell/currency'
import { useChanges } from '../use-live'
import { PositionsTable } from './positions-table'
import { usePositions } from './use-positions'

export function PositionsPage(): ReactNode {
  const positions = usePositions()
  const currency = useCurrency()
  const changes = useChanges(['ORDER_FILLED', 'ORDER_PARTIALLY_FILLED'])
  const [symbol] = useUrlValue('symbol')
  const fills = usePages(FillPagesDocument, { filter: symbol === '' ? {} : { symbol } }, (result) => result.executions, changes)
  return (
    <>
      <h1 className="text-xl font-bold">Positions</h1>
      <Card title="Open positions" count={positions.lines.length} empty="No position is open." {...positions}>
        <PositionsTable positions={positions.lines} currency={currency} canClose />
      </Card>
      <Filters>
        <TextFilter name="symbol" label="Fills of symbol" isUpper />
      </Filters>
      <Card title="Fills" count={fills.nodes.length} empty="Nothing was filled." {...fills}>
        <FillsTable fills={fills.nodes} />
        <MoreButton pages={fills} />
      </Card>
    </>
  )
}
