// Open positions as they change, valued at prices as they move.
import { LivePositionsDocument, LivePricesDocument } from '../../generated/operations'
import { atPrice, withPosition, withPrice, type ById, type PositionLine, type PriceLine } from '../folds'
import type { Shown } from '../parts/card'
import { useLive } from '../use-live'

export interface Positions extends Shown {
  readonly lines: readonly PositionLine[] // by symbol
}

const nothing = (): Record<string, never> => ({})

export function usePositions(): Positions {
  const positions = useLive(LivePositionsDocument, nothing, (): ById<PositionLine> => new Map(), withPosition)
  const prices = useLive(LivePricesDocument, nothing, (): ReadonlyMap<string, PriceLine> => new Map(), withPrice)
  const lines = [...positions.state.values()].map((position) => atPrice(position, prices.state.get(position.symbol)))
  return {
    lines: lines.sort((one, other) => one.symbol.localeCompare(other.symbol)),
    isReady: positions.isReady,
    isStale: positions.staleSince !== null,
    fault: positions.fault,
  }
}
