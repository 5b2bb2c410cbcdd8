// The state of a command that a button sends: whether it is under way, and what was said against it.
import { useState } from 'react'
import type { Outcome } from '../trading-engine-service'

export interface Command {
  readonly isBusy: boolean
  /** Why it was not done, in words; null once it was, or before it is sent. */
  readonly said: string | null
  /** Send it, and answer whether it was done. Never rejects. */
  run(send: () => Promise<Outcome>): Promise<boolean>
  forget(): void
}

export function useCommand(): Command {
  const [isBusy, setBusy] = useState(false)
  const [said, setSaid] = useState<string | null>(null)
  return {
    isBusy,
    said,
    async run(send) {
      setBusy(true)
      const outcome = await send()
      setSaid(outcome.isDone ? null : outcome.words)
      setBusy(false)
      return outcome.isDone
    },
    forget: () => setSaid(null),
  }
}
