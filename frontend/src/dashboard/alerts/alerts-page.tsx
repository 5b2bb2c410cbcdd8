// The route /alerts: what somebody should look at now, and what there was.
import type { ReactNode } from 'react'
import { AlertPagesDocument, type AlertCategory, type AlertLevel, type AlertStatus } from '../../generated/operations'
import { Card } from '../parts/card'
import { ChoiceFilter, Filters } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlChoice } from '../parts/use-url-value'
import { ViewTabs } from '../parts/view-tabs'
import { useChanges } from '../use-live'
import { AlertList, useStandingAlerts } from './standing-alerts'

const STATUSES: readonly AlertStatus[] = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED']
const LEVELS: readonly AlertLevel[] = ['CRITICAL', 'ERROR', 'WARNING', 'INFO']
const CATEGORIES: readonly AlertCategory[] = ['SYSTEM', 'TRADING', 'PERFORMANCE', 'SECURITY']

export function AlertsPage(): ReactNode {
  const standing = useStandingAlerts()
  return (
    <>
      <h1 className="text-xl font-bold">Alerts</h1>
      <ViewTabs
        label="Parts of the alerts view"
        parts={[
          {
            value: 'standing',
            title: `Standing${standing.alerts.length > 0 ? ` (${standing.alerts.length})` : ''}`,
            content: (
              <Card title="Standing alerts" count={standing.alerts.length} empty="No alert stands." {...standing}>
                <AlertList alerts={standing.alerts} />
              </Card>
            ),
          },
          { value: 'history', title: 'History', content: <History /> },
        ]}
      />
    </>
  )
}

function History(): ReactNode {
  const [status] = useUrlChoice('status', STATUSES)
  const [level] = useUrlChoice('level', LEVELS)
  const [category] = useUrlChoice('category', CATEGORIES)
  const changes = useChanges(['ALERT_RAISED', 'ALERT_ACKNOWLEDGED', 'ALERT_RESOLVED'])
  const variables = { status: status || null, level: level || null, category: category || null }
  const pages = usePages(AlertPagesDocument, variables, (result) => result.alerts, changes)
  return (
    <>
      <Filters>
        <ChoiceFilter name="status" label="Status" choices={STATUSES} />
        <ChoiceFilter name="level" label="Level" choices={LEVELS} />
        <ChoiceFilter name="category" label="Category" choices={CATEGORIES} />
      </Filters>
      <Card title="Alerts" count={pages.nodes.length} empty="There was no such alert." {...pages}>
        <AlertList alerts={pages.nodes} />
        <MoreButton pages={pages} />
      </Card>
    </>
  )
}
