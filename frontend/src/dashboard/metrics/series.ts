// How samples become lines: the minutes of the past, then the seconds since the view was opened; pure.
import type { SampleLineFragment } from '../../generated/operations'
import type { Points } from '../parts/chart'

export type Sample = SampleLineFragment

export const MOST_SAMPLES = 1_800 // seconds kept of the live tail: half an hour

/** The part of a figure's full name before its labels and quantile: `api_operation_seconds{operation="orders"}.p99`. */
export function metricOf(name: string): string {
  return name.split(/[{.]/, 1)[0] ?? name
}

/** What tells a figure from others of its metric: its labels and quantile; nothing where there is only one. */
export function labelOf(name: string): string {
  return name.slice(metricOf(name).length).replaceAll(/[{}"]/g, ' ').replace(/^[. ]+/, '').replaceAll(/ +\./g, ' ').trim()
}

/** Add a live sample; each process has its own, a second apart. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  return [...samples, sample].slice(-MOST_SAMPLES)
}

export interface Line {
  readonly name: string
  readonly unit: string
  readonly latest: number
}

/**
 * Answer the lines of some figures over all samples, oldest first, and the latest value of each. Two processes' figures
 * are two lines, named by the process.
 */
export function linesOf(samples: readonly Sample[], wanted: (name: string) => boolean): { lines: readonly Line[]; points: Points } {
  const isAlone = new Set(samples.map((sample) => sample.process)).size < 2
  const values = new Map<string, (number | null)[]>()
  const lines = new Map<string, Line>()
  samples.forEach((sample, index) => {
    for (const figure of sample.figures) {
      if (!wanted(figure.name)) continue
      const name = isAlone ? figure.name : `${figure.name} ${sample.process}`
      const line = values.get(name) ?? Array<null>(samples.length).fill(null)
      line[index] = figure.value
      values.set(name, line)
      lines.set(name, { name, unit: figure.unit, latest: figure.value })
    }
  })
  const names = [...lines.keys()].sort()
  return {
    lines: names.map((name) => lines.get(name) as Line),
    points: [samples.map((sample) => Date.parse(sample.at) / 1_000), ...names.map((name) => values.get(name) ?? [])],
  }
}
