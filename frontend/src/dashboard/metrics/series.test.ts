import { expect, test } from 'vitest'
import { labelOf, linesOf, metricOf, MOST_SAMPLES, withSample, type Sample } from './series'

function sample(at: string, figures: Record<string, number>, process = 'one'): Sample {
  return { at, process, figures: Object.entries(figures).map(([name, value]) => ({ name, value, unit: 'seconds', description: '' })) }
}

test('a figure is a metric with labels and a quantile', () => {
  expect(metricOf('api_operation_seconds{operation="orders",outcome="ok"}.p99')).toBe('api_operation_seconds')
  expect(labelOf('api_operation_seconds{operation="orders",outcome="ok"}.p99')).toBe('operation= orders ,outcome= ok p99')
  expect(metricOf('health_score')).toBe('health_score')
  expect(labelOf('health_score')).toBe('')
  expect(labelOf('event_loop_lag_seconds.p99')).toBe('p99')
})

test('a figure that is missing in a sample is a gap in its line', () => {
  const { lines, points } = linesOf([sample('2026-01-01T00:00:00Z', { a: 1 }), sample('2026-01-01T00:01:00Z', { a: 2, b: 3 })], () => true)
  expect(lines.map((line) => [line.name, line.latest])).toEqual([['a', 2], ['b', 3]])
  expect(points.slice(1)).toEqual([[1, 2], [null, 3]])
  expect((points[0][1] ?? 0) - (points[0][0] ?? 0)).toBe(60)
})

test('two processes are two lines', () => {
  const samples = [sample('2026-01-01T00:00:00Z', { a: 1 }), sample('2026-01-01T00:00:00Z', { a: 2 }, 'two')]
  expect(linesOf(samples, () => true).lines.map((line) => line.name)).toEqual(['a one', 'a two'])
})

test('only wanted figures are lines', () => {
  expect(linesOf([sample('2026-01-01T00:00:00Z', { a: 1, b: 2 })], (name) => name === 'b').lines).toHaveLength(1)
})

test('the tail is bounded', () => {
  let kept: readonly Sample[] = []
  for (let second = 0; second < MOST_SAMPLES + 5; second++) kept = withSample(kept, sample('2026-01-01T00:00:00Z', { a: second }))
  expect(kept).toHaveLength(MOST_SAMPLES)
  expect(kept.at(-1)?.figures[0]?.value).toBe(MOST_SAMPLES + 4)
})
