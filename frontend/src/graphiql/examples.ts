// The example tabs a newcomer finds, each from its own file; used by explorer.tsx and open-example.tsx.
import emergencyStop from './examples/emergency-stop.graphql?raw'
import health from './examples/health.graphql?raw'
import liveEvents from './examples/live-events.graphql?raw'
import placeOrder from './examples/place-order.graphql?raw'
import portfolio from './examples/portfolio.graphql?raw'

export interface Example {
  readonly title: string
  readonly text: string
}

/** In the order of the first five minutes. */
export const EXAMPLES: readonly Example[] = [
  { title: 'Health', text: health },
  { title: 'Live events', text: liveEvents },
  { title: 'Place an order', text: placeOrder },
  { title: 'Emergency stop and resume', text: emergencyStop },
  { title: 'Portfolio', text: portfolio },
]

const PLACEHOLDER = 'FRESH_CLIENT_ORDER_ID'

/** The text of an example, ready to run: with a client order id nobody has used yet. */
export function readyText(example: Example): string {
  return example.text.replaceAll(PLACEHOLDER, freshClientOrderId(new Date(), Math.random()))
}

/** A readable id: the second it was made in, and enough chance to be alone in it. */
export function freshClientOrderId(now: Date, random: number): string {
  const second = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
  return `web-${second}-${Math.floor(random * 36 ** 5).toString(36).padStart(5, '0')}`
}
