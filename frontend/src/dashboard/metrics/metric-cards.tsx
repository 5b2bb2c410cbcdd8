// The figures an operator looks at first, as they are this second.
import type { ReactNode } from 'react'
import { LiveMetricsDocument } from '../../generated/operations'
import { metricValue } from '../format'
import { useLive } from '../use-live'
import type { Sample } from './series'

/** A figure's name, and how it is called here. */
const SHOWN: readonly (readonly [figure: string, name: string])[] = [
  ['process_cpu_percent', 'Processor, this process'],
  ['process_resident_memory_bytes', 'Memory, this process'],
  ['event_loop_lag_seconds.p99', 'Event loop lag, p99'],
  ['ledger_commit_seconds.p99', 'Ledger commit, p99'],
  ['event_wait_seconds{priority="NORMAL"}.p99', 'Wait for handlers, p99'],
  ['trading_orders_working', 'Working orders'],
  ['events_dead_letters', 'Dead letters'],
  ['feed_age_seconds', 'Age of prices'],
  ['host_disk_free_bytes', 'Disk free'],
]
const NAMES = SHOWN.map(([figure]) => figure)

export function MetricCards(): ReactNode {
  const live = useLive(
    LiveMetricsDocument,
    () => ({ names: NAMES }),
    (kept: Sample | null | undefined) => kept ?? null,
    (_, { metrics }): Sample | null => metrics,
  )
  if (live.state === null) return <p className="text-sm text-soft">{live.fault ?? 'Waiting for the first figures…'}</p>
  const found = new Map(live.state.figures.map((figure) => [figure.name, figure]))
  return (
    <dl className={`grid grid-cols-[repeat(auto-fill,minmax(150px,1fr))] gap-3 ${live.staleSince === null ? '' : 'stale'}`}>
      {SHOWN.map(([figure, name]) => {
        const it = found.get(figure)
        return (
          <div key={figure} className="rounded-lg border border-line p-3" data-testid="metric-card" title={it?.description}>
            <dt className="text-xs text-soft">{name}</dt>
            <dd className="text-lg font-semibold tabular-nums">{it === undefined ? '–' : metricValue(it.value, it.unit)}</dd>
          </div>
        )
      })}
    </dl>
  )
}
