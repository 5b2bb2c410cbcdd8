// What the account was worth: the engine's own minutes, then every answer since this page was opened.
import { useEffect, useMemo, useState, type ReactNode } from 'react'
import { CurveDocument } from '../../generated/operations'
import { money } from '../format'
import { Chart, type Points } from '../parts/chart'
import { useAnswer } from '../use-live'

const MOST_POINTS = 3_600

export function EquityCurve({ equity, currency }: { readonly equity: string; readonly currency: string }): ReactNode {
  const past = useAnswer(CurveDocument, {}, 0)
  const [recent, setRecent] = useState<readonly (readonly [number, number])[]>([])
  useEffect(() => {
    setRecent((before) => [...before, [Date.now() / 1_000, Number(equity)] as const].slice(-MOST_POINTS))
  }, [equity])
  const points = useMemo((): Points => {
    const minutes = (past.data?.equityHistory.edges ?? []).map(({ node }) => [Date.parse(node.at) / 1_000, Number(node.equity)] as const).reverse()
    const all = [...minutes, ...recent.filter(([at]) => at > (minutes.at(-1)?.[0] ?? 0))]
    return [all.map(([at]) => at), all.map(([, worth]) => worth)]
  }, [past.data, recent])
  return (
    <section className="card min-w-0" aria-label="Equity curve">
      <h2>Equity curve</h2>
      <Chart label={`The equity is ${money(equity, currency)} now`} names={['Equity']} points={points} valueOf={(value) => money(String(value), currency)} />
    </section>
  )
}
