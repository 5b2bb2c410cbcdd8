// Events as a list of any length: only the lines in sight are in the page.
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, type ReactNode } from 'react'
import { Link } from 'react-router'
import type { EventLine } from '../folds'
import { dateAndTime, lookOf, timeOfDay, words } from '../format'
import { summaryOf } from './summary'

const LINE_HEIGHT = 32 // pixels, as the classes below make it
const BEYOND = 12 // lines kept above and below those in sight

interface EventListProps {
  readonly events: readonly EventLine[] // the newest first
  /** Told when the reader scrolls away from the newest, and when back. */
  readonly onScrolled: (isAway: boolean) => void
}

export function EventList({ events, onScrolled }: EventListProps): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const lines = useVirtualizer({
    count: events.length,
    getScrollElement: () => place.current,
    estimateSize: () => LINE_HEIGHT,
    getItemKey: (index) => events[index]?.id ?? index,
    overscan: BEYOND,
  })
  return (
    <div
      ref={place}
      role="list"
      aria-label="Events, the newest first"
      tabIndex={0}
      className="h-[65vh] overflow-auto text-sm"
      onScroll={(event) => onScrolled(event.currentTarget.scrollTop > LINE_HEIGHT)}
    >
      <div className="relative min-w-160" style={{ height: lines.getTotalSize() }}>
        {lines.getVirtualItems().map((item) => {
          const event = events[item.index]
          return event && <EventRow key={item.key} event={event} top={item.start} />
        })}
      </div>
    </div>
  )
}

function EventRow({ event, top }: { readonly event: EventLine; readonly top: number }): ReactNode {
  return (
    <div
      role="listitem"
      data-testid="event"
      data-cursor={event.cursor}
      className="absolute inset-x-0 flex h-8 items-center gap-3 border-b border-line whitespace-nowrap"
      style={{ transform: `translateY(${top}px)` }}
    >
      <time className="w-24 shrink-0 text-soft tabular-nums" dateTime={event.createdAt} title={dateAndTime(event.createdAt)}>
        {timeOfDay(event.createdAt)}
      </time>
      <Link className={`w-48 shrink-0 truncate ${lookOf(event.priority) || 'text-accent'} underline underline-offset-2`} to={`/events/${event.id}`}>
        {words(event.type)}
      </Link>
      <span className="w-16 shrink-0 font-semibold">{event.symbol}</span>
      <span className="truncate text-soft">{summaryOf(event)}</span>
    </div>
  )
}
