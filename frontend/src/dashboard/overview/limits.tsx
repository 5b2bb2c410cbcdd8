// How much of each risk limit is used.
import type { ReactNode } from 'react'
import type { AccountQuery } from '../../generated/operations'
import { figure, percent, share, words } from '../format'

type Limit = AccountQuery['riskLimits'][number]
const NEAR = 0.8

export function Limits({ limits }: { readonly limits: readonly Limit[] }): ReactNode {
  return (
    <section className="card" aria-label="Limits">
      <h2>Limits and their use</h2>
      {limits.length === 0 && <p className="text-sm text-soft">No limit is known yet.</p>}
      <ul className="flex flex-col gap-2">
        {limits.map((limit) => (
          <LimitLine key={`${limit.code} ${limit.subject ?? ''}`} limit={limit} />
        ))}
      </ul>
    </section>
  )
}

function LimitLine({ limit }: { readonly limit: Limit }): ReactNode {
  const used = share(limit.used, limit.limit)
  const name = limit.subject === null ? words(limit.code) : `${words(limit.code)} · ${limit.subject}`
  const look = used >= 1 ? 'bg-bad' : used >= NEAR ? 'bg-warn' : 'bg-accent'
  return (
    <li className="text-sm">
      <div className="flex justify-between gap-2 tabular-nums">
        <span>{name}</span>
        <span>
          {figure(limit.used)} <span className="text-soft">of {figure(limit.limit)} {limit.unit}</span>
        </span>
      </div>
      <div
        role="meter"
        aria-label={name}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(Math.min(1, used) * 100)}
        aria-valuetext={percent(used)}
        className="mt-1 h-1.5 overflow-hidden rounded-full bg-sunk"
      >
        <div className={`h-full ${look}`} style={{ width: `${Math.min(100, used * 100)}%` }} />
      </div>
    </li>
  )
}
