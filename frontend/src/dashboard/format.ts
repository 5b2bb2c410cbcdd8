// How figures, times and names are written: by the reader's locale, never rounded into something else.
const FEW = 1_000

/** An amount of money, with two decimals and the sign where it is a change. */
export function money(value: string, currency: string, isChange = false): string {
  return new Intl.NumberFormat(undefined, {
    style: 'currency',
    currency,
    signDisplay: isChange ? 'exceptZero' : 'auto',
  }).format(Number(value))
}

/** A quantity or a price: as many decimals as it has, at most eight. */
export function figure(value: string | number | null): string {
  if (value === null) return '–'
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 8 }).format(Number(value))
}

/** A share of something as a percentage; nothing of nothing is nothing. */
export function share(part: string, whole: string): number {
  const of = Number(whole)
  return of === 0 ? 0 : Number(part) / of
}

export function percent(value: number): string {
  return new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1, signDisplay: 'negative' }).format(value)
}

/** A moment as people say it: "12 seconds ago". */
export function relativeTime(then: number, now: number): string {
  const seconds = Math.round((then - now) / FEW)
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
  const size = Math.abs(seconds)
  if (size < 60) return format.format(seconds, 'second')
  if (size < 3_600) return format.format(Math.round(seconds / 60), 'minute')
  if (size < 86_400) return format.format(Math.round(seconds / 3_600), 'hour')
  return format.format(Math.round(seconds / 86_400), 'day')
}

/** The time of day of an event, with seconds. */
export function timeOfDay(moment: string): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(new Date(moment))
}

/** A name of the API as words: ORDER_FILLED is "order filled". */
export function words(name: string): string {
  return name.replaceAll('_', ' ').toLowerCase()
}

/** How long something has been going on: "2 h 5 min". */
export function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)]
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`
}

/** A moment in full, by the reader's locale and time zone. */
export function dateAndTime(moment: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(moment))
}

const BYTES = ['B', 'KB', 'MB', 'GB', 'TB']

/** A figure of the engine with its unit: seconds as milliseconds where they are few, bytes in thousands. */
export function metricValue(value: number, unit: string): string {
  const format = (number: number): string => new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 }).format(number)
  if (unit === 'seconds') return Math.abs(value) < 1 ? `${format(value * FEW)} ms` : `${format(value)} s`
  if (unit === 'percent') return `${format(value)} %`
  if (unit === 'bytes') {
    const size = value > 0 ? Math.min(BYTES.length - 1, Math.floor(Math.log10(value) / 3)) : 0
    return `${format(value / FEW ** size)} ${BYTES[size]}`
  }
  return `${format(value)} ${unit}`.trim()
}

const LOOKS: Readonly<Record<string, string>> = {
  HEALTHY: 'text-good',
  UP: 'text-good',
  RUNNING: 'text-good',
  FILLED: 'text-good',
  HANDLED: 'text-good',
  ACCEPTED: 'text-good',
  DEGRADED: 'text-warn',
  WARNING: 'text-warn',
  PAUSED: 'text-warn',
  DOWN: 'text-bad',
  UNHEALTHY: 'text-bad',
  ERROR: 'text-bad',
  CRITICAL: 'text-bad',
  FAILED: 'text-bad',
  DEAD: 'text-bad',
  DENIED: 'text-bad',
  REJECTED: 'text-bad',
  REFUSED: 'text-bad',
  DISABLED: 'text-soft',
  STOPPED: 'text-soft',
  CANCELLED: 'text-soft',
  EXPIRED: 'text-soft',
  RESOLVED: 'text-soft',
}

/** How a status, a level or an outcome looks: good, to be watched, bad, or over. */
export function lookOf(status: string): string {
  return LOOKS[status] ?? ''
}

/** An alert in one line: what, how often, and how long ago. */
export function alertLine(alert: { readonly title: string; readonly count: number; readonly lastRaisedAt: string }, now: number): string {
  const often = alert.count > 1 ? `, ${alert.count} times` : ''
  return `${alert.title}${often}, ${relativeTime(Date.parse(alert.lastRaisedAt), now)}`
}

/** Whether an amount of money is a gain or a loss; nothing is neither. */
export function gainLook(amount: string | null): string {
  const value = Number(amount ?? 0)
  return value < 0 ? 'text-bad' : value > 0 ? 'text-good' : ''
}
