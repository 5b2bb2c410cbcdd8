// How the engine is: its score with the reasons, every component, the alerts that stand, and its figures of this second.
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { LiveHealthDocument, type LiveHealthSubscription } from '../../generated/operations'
import { AlertList, useStandingAlerts } from '../alerts/standing-alerts'
import { duration, lookOf, words } from '../format'
import { MetricCards } from '../metrics/metric-cards'
import { Fault } from '../parts/card'
import { ViewTabs } from '../parts/view-tabs'
import { useLive } from '../use-live'
import { useNow } from '../use-now'

type Health = LiveHealthSubscription['health'] & { readonly startedMs: number }

/** `isBrief` is the form for the overview: without reasons of components that are up, and with a way to the whole. */
export function TradingEngineStatus({ isBrief = false }: { readonly isBrief?: boolean }): ReactNode {
  const health = useLive(
    LiveHealthDocument,
    () => ({}),
    (kept: Health | null | undefined) => kept ?? null,
    (_, { health }): Health | null => ({ ...health, startedMs: Date.now() - health.uptimeSeconds * 1_000 }),
  )
  const standing = useStandingAlerts()
  const count = standing.alerts.length
  return (
    <section className={`card ${health.staleSince === null ? '' : 'stale'}`} aria-label="Engine" data-testid="engine-status">
      <ViewTabs
        label="Parts of the engine's status"
        name="engine"
        parts={[
          {
            value: 'health',
            title: 'Health',
            content:
              health.state === null ? (
                <p className="text-sm text-soft">{health.fault ?? 'Asking how the engine is…'}</p>
              ) : (
                <HealthView health={health.state} isBrief={isBrief} />
              ),
          },
          {
            value: 'alerts',
            title: `Alerts${count > 0 ? ` (${count})` : ''}`,
            content: (
              <>
                <Fault words={standing.fault} />
                {count === 0 && <p className="text-sm text-soft">{standing.isReady ? 'No alert stands.' : 'Loading…'}</p>}
                <AlertList alerts={standing.alerts} />
              </>
            ),
          },
          { value: 'metrics', title: 'Metrics', content: <MetricCards /> },
        ]}
      />
      {isBrief && (
        <Link className="link mt-3 inline-block text-sm" to="/trading-engine">
          All about the engine
        </Link>
      )}
    </section>
  )
}

function HealthView({ health, isBrief }: { readonly health: Health; readonly isBrief: boolean }): ReactNode {
  const now = useNow()
  return (
    <div>
      <p>
        <span className="text-3xl font-bold tabular-nums" data-testid="health-score">
          {health.score}
        </span>
        <span className="text-soft"> of 100 · </span>
        <span className={`font-semibold ${lookOf(health.status)}`}>{words(health.status)}</span>
      </p>
      <p className="text-sm text-soft">
        running for {duration(Math.max(0, now - health.startedMs) / 1_000)}, version {health.version}
      </p>
      {health.reasons.length > 0 && (
        <ul className="mt-2 list-disc pl-5 text-sm">
          {health.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <ul className={`mt-3 grid gap-x-4 gap-y-1 text-sm ${isBrief ? 'grid-cols-2' : 'sm:grid-cols-2 lg:grid-cols-3'}`}>
        {health.components.map((component) => (
          <li key={component.name} data-testid="component" data-status={component.status}>
            <span aria-hidden className={lookOf(component.status)}>
              ●{' '}
            </span>
            {component.name}
            <span className={component.status === 'UP' ? 'sr-only' : 'text-soft'}> {words(component.status)}</span>
            {!(isBrief && component.status === 'UP') && component.reason !== '' && <span className="block pl-4 text-xs text-soft">{component.reason}</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}
