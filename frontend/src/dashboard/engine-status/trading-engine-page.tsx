// The route /trading-engine: the engine's status in full, and what happens in it.
import type { ReactNode } from 'react'
import { EventTicker } from '../events/event-ticker'
import { TradingEngineStatus } from './trading-engine-status'

export function TradingEnginePage(): ReactNode {
  return (
    <>
      <h1 className="text-xl font-bold">Trading engine</h1>
      <TradingEngineStatus />
      <EventTicker />
    </>
  )
}
