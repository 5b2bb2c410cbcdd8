// A card with a table of live lines: what it says while nothing has come, when there is nothing, and when it is not live.
import type { ReactNode } from 'react'

interface LinesProps {
  readonly title: string
  readonly count: number
  readonly isReady: boolean
  readonly isStale: boolean
  readonly fault: string | null
  readonly empty: string
  readonly head: ReactNode
  readonly children: ReactNode
}

export function Lines({ title, count, isReady, isStale, fault, empty, head, children }: LinesProps): ReactNode {
  return (
    <section className={`card overflow-x-auto ${isStale ? 'stale' : ''}`} aria-label={title}>
      <h2>
        {title} {count > 0 && <span className="font-normal">({count})</span>}
        {isStale && <span className="ml-2 font-normal text-warn">not live: the connection is lost</span>}
      </h2>
      {fault !== null && (
        <p role="alert" className="mb-2 text-sm text-bad">
          {fault}
        </p>
      )}
      {count === 0 ? (
        <p className="text-sm text-soft">{isReady || fault !== null ? empty : `${empty} Or nothing was heard yet.`}</p>
      ) : (
        <table className="lines w-full text-sm">
          <thead>
            <tr>{head}</tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      )}
    </section>
  )
}
