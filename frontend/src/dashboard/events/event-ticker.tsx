// What happens, as it happens, the newest on top; begins with the last few and misses nothing across lost connections.
import { useState, type ReactNode } from 'react'
import { Link } from 'react-router'
import { LiveEventsDocument, NewestEventsDocument, type NewestEventsQuery } from '../../generated/operations'
import { QUIET, withEvent, type EventLine, type Ticker } from '../folds'
import { timeOfDay, words } from '../format'
import { useAnswer, useLive } from '../use-live'

const FIRST = 30 // events that a new ticker begins with
const MOST_SHOWN = 60 // more are on the page of events

export function EventTicker(): ReactNode {
  const newest = useAnswer(NewestEventsDocument, { first: FIRST }, 0)
  const cursor = newest.data === null ? null : beginning(newest.data)
  return (
    <section className="card" aria-label="Events">
      <h2>Events</h2>
      {cursor === null ? <p className="text-sm text-soft">{newest.fault ?? 'Asking for the newest events…'}</p> : <Lines after={cursor} />}
    </section>
  )
}

/** Where a ticker begins: after the oldest of the newest events, so that one stream brings old and new in order. */
function beginning({ eventHistory, latestCursor }: NewestEventsQuery): string {
  return eventHistory.edges.at(-1)?.node.cursor ?? latestCursor
}

function Lines({ after }: { readonly after: string }): ReactNode {
  const [isPaused, setPaused] = useState<readonly EventLine[] | null>(null)
  const ticker = useLive(
    LiveEventsDocument,
    (state: Ticker) => ({ after: state.cursor ?? after }),
    (kept) => kept ?? QUIET,
    withEvent,
  )
  const lines = (isPaused ?? ticker.state.lines).slice(0, MOST_SHOWN)
  return (
    <>
      <div className="mb-2 flex items-center gap-3">
        <button type="button" className="button" aria-pressed={isPaused !== null} onClick={() => setPaused(isPaused === null ? ticker.state.lines : null)}>
          {isPaused === null ? 'Pause' : 'Follow again'}
        </button>
        <Link className="link text-sm" to="/events">
          All events
        </Link>
      </div>
      {(ticker.fault ?? ticker.state.notice) !== null && (
        <p role="status" className="mb-2 text-sm text-warn">
          {ticker.fault ?? ticker.state.notice}
        </p>
      )}
      {lines.length === 0 && <p className="text-sm text-soft">Nothing has happened yet.</p>}
      <ol className={`max-h-96 overflow-y-auto text-sm ${ticker.staleSince === null ? '' : 'stale'}`} tabIndex={0} aria-label="Newest events">
        {lines.map((event) => (
          <li key={event.id} data-testid="event" data-cursor={event.cursor} className="flex gap-3 border-b border-line py-1">
            <span className="whitespace-nowrap text-soft tabular-nums">{timeOfDay(event.createdAt)}</span>
            <Link className={`underline-offset-2 hover:underline ${event.priority === 'CRITICAL' ? 'font-semibold text-bad' : ''}`} to={`/events/${event.id}`}>
              {words(event.type)}
            </Link>
            <span className="text-soft">{event.symbol}</span>
          </li>
        ))}
      </ol>
    </>
  )
}
