// The route /metrics-history: any of the engine's figures over the past minutes, and live from then on.
import { useMemo, type ReactNode } from 'react'
import { LiveMetricsDocument, MetricNamesDocument, MetricPagesDocument } from '../../generated/operations'
import { metricValue } from '../format'
import { Card, Fault } from '../parts/card'
import { Chart } from '../parts/chart'
import { useUrlValue } from '../parts/use-url-value'
import { useAnswer, useLive } from '../use-live'
import { labelOf, linesOf, metricOf, withSample, type Sample } from './series'

const FIRST_SHOWN = ['process_cpu_percent', 'process_resident_memory_bytes', 'event_loop_lag_seconds.p99', 'ledger_commit_seconds.p99', 'trading_orders_working', 'health_score']
const MOST_LINES = 5 // of one chart; more cannot be told apart

export function MetricsPage(): ReactNode {
  const [chosen, setChosen] = useUrlValue('names', FIRST_SHOWN.join(','))
  const names = chosen.split(',').filter((name) => name !== '')
  const known = useAnswer(MetricNamesDocument, {}, 0)
  const figures = known.data?.metrics.figures ?? []
  const metrics = [...new Map(figures.map((figure) => [metricOf(figure.name), figure.description]))]
  function toggle(metric: string): void {
    const others = names.filter((name) => metricOf(name) !== metric)
    const quantile = figures.find((figure) => metricOf(figure.name) === metric && figure.name.endsWith('.p99'))?.name
    setChosen((others.length === names.length ? [...others, quantile !== undefined && !quantile.includes('{') ? quantile : metric] : others).join(','))
  }
  return (
    <>
      <h1 className="text-xl font-bold">Metrics</h1>
      <details className="card text-sm">
        <summary className="cursor-pointer font-semibold">Choose figures ({names.length})</summary>
        <Fault words={known.fault} />
        <div className="mt-3 grid gap-x-4 gap-y-1 sm:grid-cols-2 xl:grid-cols-3">
          {metrics.map(([metric, description]) => (
            <label key={metric} className="flex items-start gap-2" title={description}>
              <input type="checkbox" className="mt-1" checked={names.some((name) => metricOf(name) === metric)} onChange={() => toggle(metric)} />
              <span className="wrap-anywhere">
                {metric}
                <span className="block text-xs text-soft">{description}</span>
              </span>
            </label>
          ))}
        </div>
      </details>
      {names.length === 0 ? <p className="text-soft">No figure is chosen.</p> : <Charts key={chosen} names={names} />}
    </>
  )
}

function Charts({ names }: { readonly names: readonly string[] }): ReactNode {
  const past = useAnswer(MetricPagesDocument, { names: [...names] }, 0)
  const live = useLive(
    LiveMetricsDocument,
    () => ({ names: [...names] }),
    (kept: readonly Sample[] | undefined) => kept ?? [],
    (samples, { metrics }) => withSample(samples, metrics),
  )
  const samples = useMemo(() => [...(past.data?.metricHistory.edges ?? []).map((edge) => edge.node).reverse(), ...live.state], [past.data, live.state])
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-[repeat(2,minmax(0,1fr))]">
      {names.map((name) => (
        <FigureCard key={name} name={name} samples={samples} isStale={live.staleSince !== null} isReady={past.data !== null} fault={past.fault ?? live.fault} />
      ))}
    </div>
  )
}

interface FigureCardProps {
  readonly name: string
  readonly samples: readonly Sample[]
  readonly isStale: boolean
  readonly isReady: boolean
  readonly fault: string | null
}

function FigureCard({ name, samples, ...shown }: FigureCardProps): ReactNode {
  const { lines, points } = useMemo(() => {
    const found = linesOf(samples, (figure) => figure === name || metricOf(figure) === name)
    return { lines: found.lines.slice(0, MOST_LINES), points: [found.points[0], ...found.points.slice(1, MOST_LINES + 1)] as const }
  }, [samples, name])
  const unit = lines[0]?.unit ?? ''
  const valueOf = (value: number): string => metricValue(value, unit)
  return (
    <Card title={name.replaceAll('_', ' ')} count={lines.length} empty="This figure has no value yet." {...shown}>
      <p className="mb-2 text-2xl font-semibold tabular-nums" data-testid="figure">
        {lines.length === 1 ? valueOf(lines[0]?.latest ?? 0) : `${lines.length} lines`}
      </p>
      <Chart label={`${name} over time`} names={lines.map((line) => labelOf(line.name) || name)} points={points} valueOf={valueOf} />
    </Card>
  )
}
