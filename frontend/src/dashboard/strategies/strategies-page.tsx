// The route /strategies: what is deployed, and putting one more to work.
import { useState, type ReactNode } from 'react'
import { Link } from 'react-router'
import { StrategyPagesDocument, type StrategyStatus } from '../../generated/operations'
import { dateAndTime, lookOf, words } from '../format'
import { Card } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { Dialog } from '../parts/dialog'
import { ChoiceFilter, Filters } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlChoice } from '../parts/use-url-value'
import { useRights } from '../shell/me'
import { useChanges } from '../use-live'
import { DeployForm } from './deploy-form'
import { StrategyControls } from './strategy-controls'
import { parametersOf, STRATEGY_EVENTS, type StrategyLine } from './strategy-words'

const STATUSES: readonly StrategyStatus[] = ['RUNNING', 'PAUSED', 'STOPPED', 'FAILED']

const COLUMNS: readonly Column<StrategyLine>[] = [
  {
    name: 'Strategy',
    by: (strategy) => strategy.name,
    show: (strategy) => (
      <>
        <Link className="link font-semibold" to={`/strategies/${strategy.id}`}>
          {strategy.name}
        </Link>
        <span className="block text-xs text-soft">{words(strategy.kind)}</span>
      </>
    ),
  },
  { name: 'Symbols', show: (strategy) => strategy.symbols.join(', ') },
  { name: 'Parameters', show: (strategy) => <span className="text-xs">{parametersOf(strategy.parameters)}</span> },
  { name: 'Deployed', by: (strategy) => strategy.deployedAt, show: (strategy) => <span className="text-soft">{dateAndTime(strategy.deployedAt)}</span> },
  {
    name: 'Status',
    by: (strategy) => strategy.status,
    show: (strategy) => (
      <>
        <span className={lookOf(strategy.status)}>{words(strategy.status)}</span>
        {strategy.reason !== null && <span className="block text-xs text-soft">{strategy.reason}</span>}
      </>
    ),
  },
  { name: 'What to do', isSilent: true, show: (strategy) => <StrategyControls strategy={strategy} /> },
]

export function StrategiesPage(): ReactNode {
  const rights = useRights()
  const [status] = useUrlChoice('status', STATUSES)
  const [isDeploying, setDeploying] = useState(false)
  const changes = useChanges(STRATEGY_EVENTS)
  const pages = usePages(StrategyPagesDocument, status === '' ? {} : { status }, (result) => result.strategies, changes)
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="grow text-xl font-bold">Strategies</h1>
        {rights.may('TRADE') && (
          <button type="button" className="button-strong" onClick={() => setDeploying(true)}>
            Deploy a strategy…
          </button>
        )}
      </div>
      <Filters>
        <ChoiceFilter name="status" label="Status" choices={STATUSES} />
      </Filters>
      <Card title="Deployed" count={pages.nodes.length} empty={status === '' ? 'No strategy is deployed.' : 'There is no such strategy.'} {...pages}>
        <DataTable
          name="strategies"
          columns={COLUMNS}
          lines={pages.nodes}
          attributesOf={(strategy) => ({ 'data-testid': 'strategy', 'data-status': strategy.status })}
        />
        <MoreButton pages={pages} />
      </Card>
      <Dialog title="Deploy a strategy" isOpen={isDeploying} onClose={() => setDeploying(false)}>
        <DeployForm onDone={() => setDeploying(false)} />
      </Dialog>
    </>
  )
}
