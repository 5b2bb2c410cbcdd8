// Lines over time; drawn anew in the colours of the theme when that changes.
import { useEffect, useRef, type ReactNode } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

/** Seconds of the epoch, and for each line its values at them; null where one has none. */
export type Points = readonly [times: readonly number[], ...lines: readonly (readonly (number | null)[])[]]

interface ChartProps {
  /** What the chart says to those who do not see it. */
  readonly label: string
  readonly names: readonly string[]
  readonly points: Points
  readonly valueOf: (value: number) => string
  readonly height?: number
}

const COLOURS = ['--accent', '--warn', '--bad', '--text-soft', '--good'] as const

export function Chart({ label, names, points, valueOf, height = 180 }: ChartProps): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const latest = useRef({ points, valueOf })
  latest.current = { points, valueOf }
  const key = names.join('\n')

  useEffect(() => {
    const target = place.current
    if (target === null) return
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = made(target, key.split('\n'), height, latest.current.points, (value) => latest.current.valueOf(value))
    }
    draw()
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: target.clientWidth, height }))
    sizes.observe(target)
    const themes = new MutationObserver(draw)
    themes.observe(document.body, { attributeFilter: ['class'] })
    const system = matchMedia('(prefers-color-scheme: dark)')
    system.addEventListener('change', draw)
    return () => {
      sizes.disconnect()
      themes.disconnect()
      system.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = null
    }
  }, [key, height])

  useEffect(() => plot.current?.setData(points as unknown as uPlot.AlignedData), [points])

  return <div ref={place} role="img" aria-label={label} className="overflow-hidden" style={{ minHeight: height }} />
}

function made(target: HTMLDivElement, names: readonly string[], height: number, points: Points, valueOf: (value: number) => string): uPlot {
  const look = getComputedStyle(target)
  const axis: uPlot.Axis = {
    stroke: look.getPropertyValue('--text-soft'),
    grid: { stroke: look.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
  }
  const lines = names.map((name, number): uPlot.Series => {
    const colour = COLOURS[number % COLOURS.length] ?? COLOURS[0]
    return { label: name, stroke: look.getPropertyValue(colour), width: 2, points: { show: false }, spanGaps: true, value: (_, value) => (value === null ? '–' : valueOf(value)) }
  })
  return new uPlot(
    {
      width: target.clientWidth,
      height,
      legend: { show: names.length > 1 },
      cursor: { y: false },
      axes: [axis, { ...axis, size: 84, values: (_, values) => values.map((value) => valueOf(value)) }],
      series: [{}, ...lines],
    },
    points as unknown as uPlot.AlignedData,
    target,
  )
}
