// The route /trading-engine: the engine's status in full, what happens in it, and stopping a part of the trading.
import type { ReactNode } from 'react'
import { EventTicker } from '../events/event-ticker'
import { PartialStop } from '../stop/partial-stop'
import { TradingEngineStatus } from './trading-engine-status'

export function TradingEnginePage(): ReactNode {
  return (
    <>
      <h1 className="text-xl font-bold">Trading engine</h1>
      <TradingEngineStatus />
      <PartialStop />
      <EventTicker />
    </>
  )
}
