// How a strategy is said, and which events are about one.
import type { EventType, StrategyLineFragment } from '../../generated/operations'
import { words } from '../format'

export type StrategyLine = StrategyLineFragment

export const STRATEGY_EVENTS: readonly EventType[] = ['STRATEGY_DEPLOYED', 'STRATEGY_PAUSED', 'STRATEGY_RESUMED', 'STRATEGY_STOPPED', 'SYSTEM_ERROR']

/** "fast 5, slow 20". */
export function parametersOf(parameters: unknown): string {
  const named = Object.entries((parameters ?? {}) as Record<string, unknown>)
  return named.map(([name, value]) => `${words(name)} ${String(value)}`).join(', ')
}
