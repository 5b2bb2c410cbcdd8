// The route /events: the journal as it grows, filtered; or from a cursor on, in the order of commits.
import { useState, type ReactNode } from 'react'
import { EventPagesDocument, LiveEventsDocument, type EventFilter } from '../../generated/operations'
import { MOST_EVENTS, QUIET, withEvent, type EventLine, type Ticker } from '../folds'
import { figure } from '../format'
import { Card } from '../parts/card'
import { ChoiceFilter, Filters, TextFilter } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlValue } from '../parts/use-url-value'
import { useLive } from '../use-live'
import { EVENT_TYPES, PRIORITIES, useEventFilter } from './event-filter'
import { EventList } from './event-list'

const LONGEST_CURSOR = 200
const LONGEST_TEXT = 100

export function EventsPage(): ReactNode {
  const filter = useEventFilter()
  const [after] = useUrlValue('after')
  return (
    <>
      <h1 className="text-xl font-bold">Events</h1>
      <Filters>
        <ChoiceFilter name="type" label="Type" choices={EVENT_TYPES} />
        <ChoiceFilter name="priority" label="Priority" choices={PRIORITIES} />
        <TextFilter name="symbol" label="Symbol" isUpper />
        <TextFilter name="entity" label="About (id)" />
        <TextFilter name="text" label="Text in it" longest={LONGEST_TEXT} />
        <TextFilter name="after" label="From cursor" longest={LONGEST_CURSOR} />
      </Filters>
      {after === '' ? <Newest key={JSON.stringify(filter)} filter={filter} /> : <Following key={JSON.stringify([filter, after])} filter={filter} after={after} older={[]} />}
    </>
  )
}

/** The newest events and, page by page, older ones; what happens from now on comes on top. */
function Newest({ filter }: { readonly filter: EventFilter }): ReactNode {
  const [beginning, setBeginning] = useState<string | null>(null)
  const pages = usePages(EventPagesDocument, { filter }, (result) => {
    setBeginning((before) => before ?? result.eventHistory.edges[0]?.node.cursor ?? result.latestCursor)
    return result.eventHistory
  })
  if (beginning === null) {
    return (
      <Card title="Events" count={0} empty="" {...pages}>
        {null}
      </Card>
    )
  }
  return (
    <>
      <Following filter={filter} after={beginning} older={pages.nodes} />
      <div>
        <MoreButton pages={pages} />
      </div>
    </>
  )
}

interface FollowingProps {
  readonly filter: EventFilter
  readonly after: string
  readonly older: readonly EventLine[]
}

function Following({ filter, after, older }: FollowingProps): ReactNode {
  const [frozen, setFrozen] = useState<readonly EventLine[] | null>(null)
  const live = useLive(
    LiveEventsDocument,
    (state: Ticker) => ({ after: state.cursor ?? after, filter }),
    (kept) => kept ?? QUIET,
    withEvent,
  )
  const newest = live.state.lines
  const lines = [...(frozen ?? newest), ...older]
  const waiting = frozen === null ? 0 : newest.findIndex((event) => event.id === frozen[0]?.id)
  const isPaused = frozen !== null
  return (
    <Card
      title="Events"
      count={lines.length}
      empty="There is no such event so far; what happens appears here."
      isReady={live.isReady || older.length > 0}
      isStale={live.staleSince !== null}
      fault={live.fault}
      aside={
        <>
          {live.state.notice !== null && <span className="text-warn">{live.state.notice}</span>}
          {isPaused && waiting !== 0 && <span>{waiting === -1 ? `more than ${figure(MOST_EVENTS)}` : figure(waiting)} new</span>}
          <button type="button" className="button" aria-pressed={isPaused} onClick={() => setFrozen(isPaused ? null : newest)}>
            {isPaused ? 'Follow again' : 'Pause'}
          </button>
        </>
      }
    >
      <EventList events={lines} onScrolled={(isAway) => isAway && setFrozen((before) => before ?? newest)} />
    </Card>
  )
}
