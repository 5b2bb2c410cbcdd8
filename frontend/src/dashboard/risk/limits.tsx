// How much of each risk limit is used.
import type { ReactNode } from 'react'
import type { AccountQuery } from '../../generated/operations'
import { figure, percent, share, words } from '../format'
import { Card } from '../parts/card'

type Limit = AccountQuery['riskLimits'][number]
const NEAR = 0.8

interface LimitsProps {
  /** Null until they are known. */
  readonly limits: readonly Limit[] | null
  readonly isStale: boolean
  readonly fault: string | null
}

export function Limits({ limits, isStale, fault }: LimitsProps): ReactNode {
  return (
    <Card title="Limits and their use" count={limits?.length ?? 0} empty="You have no account, and so no limits." isReady={limits !== null} isStale={isStale} fault={limits === null ? fault : null}>
      <ul className="flex flex-col gap-2">
        {limits?.map((limit) => (
          <LimitLine key={`${limit.code} ${limit.subject ?? ''}`} limit={limit} />
        ))}
      </ul>
    </Card>
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
