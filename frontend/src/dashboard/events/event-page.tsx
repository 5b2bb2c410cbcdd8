// The route /events/:id: one event in full, what its handlers made of it, and the story it belongs to.
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { EventInFullDocument, type EventInFullQuery } from '../../generated/operations'
import { dateAndTime, lookOf, timeOfDay, words } from '../format'
import { Card, Fault } from '../parts/card'
import { Details } from '../parts/details'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useAnswer, useChanges, useService } from '../use-live'

type InFull = NonNullable<EventInFullQuery['event']>
type Node = InFull['causation']['nodes'][number]
const INDENT = 20 // pixels for each cause before it

export function EventPage(): ReactNode {
  const { id = '' } = useParams()
  const changes = useChanges([])
  const { data, fault, refresh } = useAnswer(EventInFullDocument, { id }, changes.version)
  const event = data?.event ?? null
  const shown = { isReady: data !== null, isStale: data !== null && fault !== null, fault }
  return (
    <>
      <h1 className="text-xl font-bold">
        <Link className="link" to="/events">
          Events
        </Link>{' '}
        / {event === null ? id : words(event.type)}
      </h1>
      <Card title="Event" count={event === null ? 0 : 1} empty="There is no such event, or it is not yours." {...shown}>
        {event !== null && <EventDetails event={event} onDone={refresh} />}
      </Card>
      {event !== null && (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[repeat(2,minmax(0,1fr))]">
          <Card title="What led to what" count={event.causation.nodes.length} empty="It stands for itself." {...shown}>
            <ol className="flex flex-col gap-1 text-sm" data-testid="causation">
              {event.causation.nodes.map((node) => (
                <StoryLine key={node.event.id} node={node} isThis={node.event.id === event.id} />
              ))}
            </ol>
            {event.causation.truncated && <p className="mt-2 text-sm text-warn">The story is longer than what is shown.</p>}
          </Card>
          <Card title="What it says" count={1} empty="" {...shown}>
            <pre className="max-h-96 overflow-auto text-xs" tabIndex={0} aria-label="Payload">
              {JSON.stringify(event.payload, null, 2)}
            </pre>
          </Card>
        </div>
      )}
    </>
  )
}

function EventDetails({ event, onDone }: { readonly event: InFull; readonly onDone: () => void }): ReactNode {
  const service = useService()
  const rights = useRights()
  const command = useCommand()
  return (
    <>
      <Details
        lines={[
          ['Happened', dateAndTime(event.createdAt)],
          ['Priority', <span className={lookOf(event.priority)}>{words(event.priority)}</span>],
          ['From', event.source],
          ['Symbol', event.symbol ?? '–'],
          ['About', <EntityLink event={event} />],
          ['User', event.userId ?? 'the whole system'],
          ['Handling', event.status === null ? '–' : <span className={lookOf(event.status)}>{words(event.status)}</span>],
          ['Cursor', <Link className="link" to={`/events?after=${encodeURIComponent(event.cursor)}`}>follow from here</Link>],
          ['Event id', event.id],
          ['Story', event.correlationId],
        ]}
      />
      {(event.handlings ?? []).length > 0 && (
        <ul className="mt-3 text-sm">
          {event.handlings?.map((handling) => (
            <li key={handling.handler}>
              {handling.handler}: <span className={lookOf(handling.status)}>{words(handling.status)}</span>, {handling.attempts} attempt{handling.attempts === 1 ? '' : 's'}
              {handling.error !== null && <span className="text-bad"> {handling.error}</span>}
            </li>
          ))}
        </ul>
      )}
      {event.error !== null && <p className="mt-2 text-sm text-bad">{event.error}</p>}
      {event.status === 'DEAD' && rights.may('OPERATE') && (
        <button type="button" className="button mt-3" disabled={command.isBusy} onClick={() => void command.run(() => service.retryEvent(event.id)).then(onDone)}>
          Have it handled again
        </button>
      )}
      <Fault words={command.said} />
    </>
  )
}

function EntityLink({ event }: { readonly event: InFull }): ReactNode {
  if (event.entityId === null) return '–'
  const place = event.entityId.startsWith('ord_') ? `/orders/${event.entityId}` : event.entityId.startsWith('str_') ? `/strategies/${event.entityId}` : `/events?entity=${encodeURIComponent(event.entityId)}`
  return (
    <Link className="link" to={place}>
      {event.entityId}
    </Link>
  )
}

function StoryLine({ node, isThis }: { readonly node: Node; readonly isThis: boolean }): ReactNode {
  const { id, type, symbol, createdAt } = node.event
  return (
    <li className="flex flex-wrap gap-x-3" style={{ paddingLeft: node.depth * INDENT }} aria-current={isThis}>
      <time className="text-soft tabular-nums" dateTime={createdAt} title={dateAndTime(createdAt)}>
        {timeOfDay(createdAt)}
      </time>
      {isThis ? (
        <strong>{words(type)}</strong>
      ) : (
        <Link className="link" to={`/events/${id}`}>
          {words(type)}
        </Link>
      )}
      <span className="text-soft">{symbol}</span>
    </li>
  )
}
