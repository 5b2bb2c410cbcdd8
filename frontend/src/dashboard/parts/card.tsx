// A card of a view: what it says while nothing has come, when there is nothing, when something failed, and when it is not live.
import type { ReactNode } from 'react'

export interface Shown {
  /** Whether an answer has come. */
  readonly isReady: boolean
  /** Whether what is shown may be out of date, because the connection is lost or the last question failed. */
  readonly isStale: boolean
  readonly fault: string | null
}

interface CardProps extends Shown {
  readonly title: string
  readonly count: number
  /** What is said when there is nothing. */
  readonly empty: string
  /** What stands beside the title. */
  readonly aside?: ReactNode
  readonly children: ReactNode
}

export function Card({ title, count, isReady, isStale, fault, empty, aside, children }: CardProps): ReactNode {
  return (
    <section className={`card ${isStale ? 'stale' : ''}`} aria-label={title} aria-busy={!isReady && fault === null}>
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="mb-0!">
          {title} {count > 1 && <span className="font-normal">({count})</span>}
        </h2>
        {isStale && <span className="text-sm text-warn">not live</span>}
        {aside !== undefined && <div className="ml-auto flex flex-wrap items-center gap-2 text-sm">{aside}</div>}
      </div>
      <Fault words={fault} />
      {count > 0 ? children : fault === null && <p className="text-sm text-soft">{isReady ? empty : 'Loading…'}</p>}
    </section>
  )
}

/** What went wrong, where something did. */
export function Fault({ words }: { readonly words: string | null }): ReactNode {
  if (words === null) return null
  return (
    <p role="alert" className="mb-2 text-sm text-bad">
      {words}
    </p>
  )
}
