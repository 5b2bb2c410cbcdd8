// How the engine is: its score with the reasons, every component, and the alerts that stand.
import { Tabs } from 'radix-ui'
import { useState, type ReactNode } from 'react'
import {
  AcknowledgeAlertDocument,
  LiveAlertsDocument,
  LiveHealthDocument,
  ResolveAlertDocument,
  type LiveHealthSubscription,
} from '../../generated/operations'
import { byLevel, withAlert, type AlertLine, type ById } from '../folds'
import { duration, relativeTime, words } from '../format'
import { useClient, useLive } from '../use-live'
import { useNow } from '../use-now'

type Health = LiveHealthSubscription['health'] & { readonly startedMs: number }
const nothing = (): Record<string, never> => ({})
const LOOKS: Record<string, string> = { HEALTHY: 'text-good', UP: 'text-good', DISABLED: 'text-soft', DOWN: 'text-bad', DEGRADED: 'text-warn', CRITICAL: 'text-bad', ERROR: 'text-bad', WARNING: 'text-warn' }

export function TradingEngineStatus({ isBrief = false }: { readonly isBrief?: boolean }): ReactNode {
  const health = useLive(
    LiveHealthDocument,
    nothing,
    (kept: Health | null | undefined) => kept ?? null,
    (_, { health }): Health | null => ({ ...health, startedMs: Date.now() - health.uptimeSeconds * 1_000 }),
  )
  const alerts = useLive(LiveAlertsDocument, nothing, (): ById<AlertLine> => new Map(), withAlert)
  const standing = [...alerts.state.values()].sort(byLevel)
  return (
    <section className={`card ${health.staleSince === null ? '' : 'stale'}`} aria-label="Engine" data-testid="engine-status">
      <Tabs.Root defaultValue="health">
        <Tabs.List className="mb-3 flex gap-1" aria-label="Parts of the engine's status">
          <Tab value="health">Health</Tab>
          <Tab value="alerts">Alerts {standing.length > 0 && `(${standing.length})`}</Tab>
        </Tabs.List>
        <Tabs.Content value="health">
          {health.state === null ? (
            <p className="text-sm text-soft">{health.fault ?? 'Asking how the engine is…'}</p>
          ) : (
            <HealthView health={health.state} isBrief={isBrief} />
          )}
        </Tabs.Content>
        <Tabs.Content value="alerts">
          {alerts.fault !== null && <p className="text-sm text-bad">{alerts.fault}</p>}
          {standing.length === 0 && <p className="text-sm text-soft">No alert stands.</p>}
          <ul className="flex flex-col gap-2">
            {standing.map((alert) => (
              <AlertView key={alert.id} alert={alert} />
            ))}
          </ul>
        </Tabs.Content>
      </Tabs.Root>
    </section>
  )
}

function Tab({ value, children }: { readonly value: string; readonly children: ReactNode }): ReactNode {
  return (
    <Tabs.Trigger value={value} className="rounded-lg px-3 py-1 text-sm text-soft data-[state=active]:bg-sunk data-[state=active]:font-semibold data-[state=active]:text-ink">
      {children}
    </Tabs.Trigger>
  )
}

function HealthView({ health, isBrief }: { readonly health: Health; readonly isBrief: boolean }): ReactNode {
  const now = useNow()
  return (
    <>
      <p>
        <span className="text-3xl font-bold tabular-nums" data-testid="health-score">
          {health.score}
        </span>
        <span className="text-soft"> of 100 · </span>
        <span className={`font-semibold ${LOOKS[health.status] ?? ''}`}>{words(health.status)}</span>
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
          <li key={component.name} title={component.reason}>
            <span aria-hidden className={LOOKS[component.status] ?? ''}>
              ●{' '}
            </span>
            {component.name}
            <span className={component.status === 'UP' ? 'sr-only' : 'text-soft'}> {words(component.status)}</span>
            {!isBrief && component.reason !== '' && <span className="block pl-4 text-xs text-soft">{component.reason}</span>}
          </li>
        ))}
      </ul>
    </>
  )
}

function AlertView({ alert }: { readonly alert: AlertLine }): ReactNode {
  const client = useClient()
  const now = useNow()
  const [said, setSaid] = useState<string | null>(null)

  function acknowledge(): void {
    const done = client.ask(AcknowledgeAlertDocument, { id: alert.id })
    done.then(({ acknowledgeAlert: it }) => setSaid(it.__typename === 'Refused' ? it.message : null)).catch(told)
  }
  function resolve(): void {
    const done = client.ask(ResolveAlertDocument, { id: alert.id, note: 'resolved from the dashboard' })
    done.then(({ resolveAlert: it }) => setSaid(it.__typename === 'Refused' ? it.message : null)).catch(told)
  }
  function told(error: unknown): void {
    setSaid((error as Error).message)
  }
  return (
    <li className="border-b border-line pb-2 text-sm" data-testid="alert">
      <p>
        <strong className={LOOKS[alert.level] ?? ''}>{words(alert.level)}</strong> {alert.title}
        {alert.count > 1 && <span className="text-soft"> · {alert.count} times</span>}
      </p>
      <p className="text-soft">
        {alert.message} · {relativeTime(Date.parse(alert.lastRaisedAt), now)}
      </p>
      <div className="mt-1 flex gap-2">
        {alert.status === 'OPEN' && (
          <button type="button" className="button" onClick={acknowledge}>
            Acknowledge
          </button>
        )}
        <button type="button" className="button" onClick={resolve}>
          Resolve
        </button>
      </div>
      {said !== null && (
        <p role="alert" className="text-bad">
          {said}
        </p>
      )}
    </li>
  )
}
