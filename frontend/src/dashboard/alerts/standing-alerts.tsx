// The alerts that stand, live, the worst first.
import type { ReactNode } from 'react'
import { LiveAlertsDocument } from '../../generated/operations'
import { byLevel, withAlert, type AlertLine, type ById } from '../folds'
import type { Shown } from '../parts/card'
import { useLive } from '../use-live'
import { AlertCard } from './alert-card'

export interface StandingAlerts extends Shown {
  readonly alerts: readonly AlertLine[]
}

export function useStandingAlerts(): StandingAlerts {
  const live = useLive(LiveAlertsDocument, () => ({}), (): ById<AlertLine> => new Map(), withAlert)
  return { alerts: [...live.state.values()].sort(byLevel), isReady: live.isReady, isStale: live.staleSince !== null, fault: live.fault }
}

export function AlertList({ alerts }: { readonly alerts: readonly AlertLine[] }): ReactNode {
  return (
    <ul className="flex flex-col gap-2">
      {alerts.map((alert) => (
        <AlertCard key={alert.id} alert={alert} />
      ))}
    </ul>
  )
}
