// The equity since this page was opened, a point for each answer of the engine.
import { useEffect, useRef, type ReactNode } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { money } from '../format'

const MOST_POINTS = 3_600
const HEIGHT = 180

export function EquityCurve({ equity, currency }: { readonly equity: string; readonly currency: string }): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const points = useRef<[number[], number[]]>([[], []])

  useEffect(() => {
    const target = place.current
    if (target === null) return
    const look = getComputedStyle(target)
    const axis: uPlot.Axis = {
      stroke: look.getPropertyValue('--text-soft'),
      grid: { stroke: look.getPropertyValue('--line'), width: 1 },
      ticks: { show: false },
    }
    const made = new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false },
        axes: [axis, { ...axis, size: 84, values: (_, values) => values.map((value) => money(String(value), currency)) }],
        series: [{}, { stroke: look.getPropertyValue('--accent'), width: 2, points: { show: false } }],
      },
      points.current,
      target,
    )
    plot.current = made
    const watching = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: HEIGHT }))
    watching.observe(target)
    return () => {
      watching.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [currency])

  useEffect(() => {
    const [times, values] = points.current
    times.push(Date.now() / 1_000)
    values.push(Number(equity))
    if (times.length > MOST_POINTS) {
      times.shift()
      values.shift()
    }
    plot.current?.setData([times, values])
  }, [equity])

  return (
    <section className="card min-w-0" aria-label="Equity since this page was opened">
      <h2>Equity since this page was opened</h2>
      <div ref={place} role="img" aria-label={`The equity is ${money(equity, currency)} now`} />
    </section>
  )
}
