// A pane at GraphiQL's left edge that lists events while any tab is in use (GraphiQL ends a tab's own subscription
// when another tab is opened, and shows only its newest item); created by explorer.tsx.
import type { GraphiQLPlugin } from '@graphiql/react'
import { useEffect, useState, type ReactNode } from 'react'
import { useCell } from '../../lib/cell'
import type { EventFeed } from './event-feed'
import type { Row, TradingEvent } from './event-list'

export function createLiveEventsPlugin(feed: EventFeed): GraphiQLPlugin {
  return { title: 'Live events', icon: PulseIcon, content: () => <LiveEventsPane feed={feed} /> }
}

function PulseIcon(): ReactNode {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M2 13h5l3-9 4 16 3-7h5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}

function LiveEventsPane({ feed }: { readonly feed: EventFeed }): ReactNode {
  const [attempt, setAttempt] = useState(0)
  useEffect(() => feed.listen(), [feed, attempt])
  const { rows, received, fault } = useCell(feed.list)

  return (
    <section className="live-events" aria-label="Live events" data-testid="live-events">
      <header className="live-events-head">
        <h2>Live events</h2>
        <span data-testid="live-events-received" data-count={received}>
          {received === 1 ? '1 received' : `${received} received`}
        </span>
        <button type="button" onClick={() => feed.clear()}>
          Clear
        </button>
      </header>
      {fault !== null && (
        <p className="live-events-fault" role="alert" data-testid="live-events-fault">
          {fault}
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            Listen again
          </button>
        </p>
      )}
      {rows.length === 0 && fault === null && (
        <p className="live-events-empty">
          Orders, fills, positions, alerts and stops appear here as they happen, whatever tab is in use.
        </p>
      )}
      <ol>
        {rows.map((row) => (
          <li key={row.key} data-testid="live-event">
            <RowContent row={row} />
          </li>
        ))}
      </ol>
    </section>
  )
}

function RowContent({ row }: { readonly row: Row }): ReactNode {
  if (row.kind === 'remark') return <p className="live-events-remark">{row.text}</p>
  return <EventRow event={row.event} />
}

function EventRow({ event }: { readonly event: TradingEvent }): ReactNode {
  return (
    <details>
      <summary data-type={event.type}>
        <time dateTime={event.createdAt} title={event.createdAt}>
          {new Date(event.createdAt).toLocaleTimeString(undefined, { hour12: false })}
        </time>
        <span className={`event-type priority-${event.priority.toLowerCase()}`} title={`Priority ${event.priority}`}>
          {event.type}
        </span>
        <span className="event-symbol">{event.symbol}</span>
      </summary>
      <pre>{JSON.stringify(event.payload, null, 2)}</pre>
    </details>
  )
}
