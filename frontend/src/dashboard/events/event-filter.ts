// The conditions on events that stand in the address bar.
import type { EventFilter, EventType, Priority } from '../../generated/operations'
import { ORDER_EVENTS } from '../orders/order-words'
import { useUrlChoice, useUrlValue } from '../parts/use-url-value'

export const EVENT_TYPES: readonly EventType[] = [
  'SIGNAL_GENERATED',
  ...ORDER_EVENTS,
  'POSITION_OPENED',
  'POSITION_UPDATED',
  'POSITION_CLOSED',
  'STRATEGY_DEPLOYED',
  'STRATEGY_PAUSED',
  'STRATEGY_RESUMED',
  'STRATEGY_STOPPED',
  'RISK_VIOLATION',
  'EMERGENCY_STOP',
  'TRADING_RESUMED',
  'CONFIG_CHANGED',
  'ALERT_RAISED',
  'ALERT_ACKNOWLEDGED',
  'ALERT_RESOLVED',
  'SYSTEM_ERROR',
  'USER_ACTION',
]
export const PRIORITIES: readonly Priority[] = ['CRITICAL', 'HIGH', 'NORMAL', 'LOW']

export function useEventFilter(): EventFilter {
  const [type] = useUrlChoice('type', EVENT_TYPES)
  const [priority] = useUrlChoice('priority', PRIORITIES)
  const [symbol] = useUrlValue('symbol')
  const [entityId] = useUrlValue('entity')
  const [text] = useUrlValue('text')
  return {
    ...(type === '' ? {} : { types: [type] }),
    ...(priority === '' ? {} : { priorities: [priority] }),
    ...(symbol === '' ? {} : { symbol }),
    ...(entityId === '' ? {} : { entityId }),
    ...(text === '' ? {} : { text }),
  }
}
