// The route /strategies: what is deployed, and pausing and resuming it. Asked anew whenever something happens to a strategy.
import { useState, type ReactNode } from 'react'
import {
  LiveEventsDocument,
  PauseStrategyDocument,
  ResumeStrategyDocument,
  StrategiesDocument,
  type EventFilter,
  type StrategiesQuery,
} from '../../generated/operations'
import { timeOfDay, words } from '../format'
import { useAnswer, useClient, useLive } from '../use-live'

type Strategy = StrategiesQuery['strategies']['edges'][number]['node']
const CHANGES: EventFilter = { types: ['STRATEGY_DEPLOYED', 'STRATEGY_PAUSED', 'STRATEGY_RESUMED', 'STRATEGY_STOPPED'] }
const REASON = 'from the dashboard'

export function StrategiesPage(): ReactNode {
  const changes = useLive(
    LiveEventsDocument,
    () => ({ filter: CHANGES }),
    (kept: number | undefined) => (kept ?? 0) + 1,
    (count) => count + 1,
  )
  const answer = useAnswer(StrategiesDocument, {}, changes.state)
  const strategies = answer.data?.strategies.edges.map((edge) => edge.node) ?? []
  return (
    <>
      <h1 className="text-xl font-bold">Strategies</h1>
      <section className={`card overflow-x-auto ${changes.staleSince === null ? '' : 'stale'}`} aria-label="Strategies">
        {answer.fault !== null && <p role="alert" className="text-sm text-bad">{answer.fault}</p>}
        {answer.data !== null && strategies.length === 0 && <p className="text-sm text-soft">No strategy is deployed.</p>}
        {strategies.length > 0 && (
          <table className="lines w-full text-sm">
            <thead>
              <tr>
                <th>Strategy</th>
                <th>Symbols</th>
                <th>Parameters</th>
                <th>Status</th>
                <th>
                  <span className="sr-only">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {strategies.map((strategy) => (
                <StrategyRow key={strategy.id} strategy={strategy} onDone={answer.refresh} />
              ))}
            </tbody>
          </table>
        )}
      </section>
    </>
  )
}

function StrategyRow({ strategy, onDone }: { readonly strategy: Strategy; readonly onDone: () => void }): ReactNode {
  const client = useClient()
  const [said, setSaid] = useState<string | null>(null)

  function change(to: 'PAUSED' | 'RUNNING'): void {
    const variables = { id: strategy.id, reason: REASON }
    const done =
      to === 'PAUSED'
        ? client.ask(PauseStrategyDocument, variables).then((data) => data.pauseStrategy)
        : client.ask(ResumeStrategyDocument, variables).then((data) => data.resumeStrategy)
    done
      .then((outcome) => setSaid(outcome.__typename === 'Refused' ? outcome.message : null))
      .catch((error: unknown) => setSaid((error as Error).message))
      .finally(onDone)
  }
  return (
    <tr data-testid="strategy" data-status={strategy.status}>
      <td>
        <strong>{strategy.name}</strong>
        <span className="block text-xs text-soft">
          {strategy.kind}, since {timeOfDay(strategy.deployedAt)}
        </span>
      </td>
      <td>{strategy.symbols.join(', ')}</td>
      <td className="text-xs">{parametersOf(strategy.parameters)}</td>
      <td>
        {words(strategy.status)}
        {strategy.reason !== null && <span className="block text-xs text-soft">{strategy.reason}</span>}
        {said !== null && (
          <span role="alert" className="block text-xs text-bad">
            {said}
          </span>
        )}
      </td>
      <td className="text-right">
        {strategy.status === 'RUNNING' && (
          <button type="button" className="button" onClick={() => change('PAUSED')}>
            Pause
          </button>
        )}
        {strategy.status === 'PAUSED' && (
          <button type="button" className="button" onClick={() => change('RUNNING')}>
            Resume
          </button>
        )}
      </td>
    </tr>
  )
}

function parametersOf(parameters: unknown): string {
  const named = Object.entries((parameters ?? {}) as Record<string, unknown>)
  return named.map(([name, value]) => `${words(name)} ${String(value)}`).join(', ')
}
