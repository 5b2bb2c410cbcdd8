// What an event says, in one line: the figures people look for first.
import type { EventLine } from '../folds'
import { figure, words } from '../format'

const TOLD = ['side', 'quantity', 'filledQuantity', 'price', 'limitPrice', 'stopPrice', 'averagePrice', 'key', 'previous', 'value', 'status', 'name', 'title', 'reason', 'message', 'error'] as const

/** Names and values of an event's payload that mean something without the rest; long texts are left to the event's own page. */
export function summaryOf({ payload }: Pick<EventLine, 'payload'>): string {
  if (typeof payload !== 'object' || payload === null) return ''
  const said = payload as Readonly<Record<string, unknown>>
  return TOLD.filter((name) => said[name] !== undefined && said[name] !== null && said[name] !== '')
    .map((name) => `${words(name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))} ${valueOf(said[name])}`)
    .join(' · ')
}

function valueOf(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /^-?\d+(\.\d+)?$/.test(text) ? figure(text) : text
}
