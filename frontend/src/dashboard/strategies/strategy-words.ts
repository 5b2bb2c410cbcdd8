// How a strategy is said, what it earned, and which events are about one; pure.
import type { EventType, StrategyLineFragment } from '../../generated/operations'
import { words } from '../format'
import type { Points } from '../parts/chart'

export type StrategyLine = StrategyLineFragment

export const STRATEGY_EVENTS: readonly EventType[] = ['STRATEGY_DEPLOYED', 'STRATEGY_PAUSED', 'STRATEGY_RESUMED', 'STRATEGY_STOPPED', 'SYSTEM_ERROR']

/** "fast 5, slow 20". */
export function parametersOf(parameters: unknown): string {
  const named = Object.entries((parameters ?? {}) as Record<string, unknown>)
  return named.map(([name, value]) => `${words(name)} ${String(value)}`).join(', ')
}

/** What a strategy earned up to each of the market days that are shown. */
export function profitOf(newestFirst: readonly { readonly marketDay: string; readonly realizedPnl: string; readonly commission: string }[]): Points {
  const days = [...newestFirst].reverse()
  let sum = 0
  return [
    days.map((day) => Date.parse(day.marketDay) / 1_000),
    days.map((day) => (sum += Number(day.realizedPnl) - Number(day.commission))),
  ]
}
