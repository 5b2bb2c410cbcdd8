// The route /audit: every command with what became of it, and whether the trail is whole.
import { useState, type ReactNode } from 'react'
import { AuditPagesDocument, type AuditOutcome, type AuditPagesQuery } from '../../generated/operations'
import { dateAndTime, figure, lookOf, words } from '../format'
import { Card } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { ChoiceFilter, Filters, TextFilter } from '../parts/filters'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import { useUrlChoice, useUrlValue } from '../parts/use-url-value'
import { useRights } from '../shell/me'
import { useService, useTurn } from '../use-live'

type Entry = AuditPagesQuery['auditTrail']['edges'][number]['node']
const OUTCOMES: readonly AuditOutcome[] = ['ACCEPTED', 'REFUSED']
const AGAIN_MS = 5_000 // commands that were refused make no event to hear of

const COLUMNS: readonly Column<Entry>[] = [
  { name: 'No.', isNumber: true, by: (entry) => entry.sequence, show: (entry) => figure(entry.sequence) },
  { name: 'When', by: (entry) => entry.at, show: (entry) => <span className="whitespace-nowrap text-soft">{dateAndTime(entry.at)}</span> },
  { name: 'Who', by: (entry) => entry.actor, show: (entry) => entry.actor },
  { name: 'Command', by: (entry) => entry.action, show: (entry) => entry.action },
  {
    name: 'Outcome',
    by: (entry) => entry.outcome,
    show: (entry) => (
      <>
        <span className={lookOf(entry.outcome)}>{words(entry.outcome)}</span>
        {entry.code !== null && <span className="block text-xs text-soft">{words(entry.code)}</span>}
      </>
    ),
  },
  {
    name: 'What was asked',
    show: (entry) => (
      <details>
        <summary className="cursor-pointer text-soft">{entry.entityId ?? 'in full'}</summary>
        <pre className="mt-1 max-w-160 overflow-x-auto text-xs" tabIndex={0} aria-label={`What entry ${entry.sequence} asked`}>
          {JSON.stringify({ ...(entry.detail as object), requestId: entry.requestId, digest: entry.digest }, null, 2)}
        </pre>
      </details>
    ),
  },
]

export function AuditPage(): ReactNode {
  const rights = useRights()
  const [action] = useUrlValue('action')
  const [entityId] = useUrlValue('entity')
  const [outcome] = useUrlChoice('outcome', OUTCOMES)
  const filter = { action: action || null, entityId: entityId || null, outcome: outcome || null }
  const pages = usePages(AuditPagesDocument, { filter }, (result) => result.auditTrail, { version: useTurn(AGAIN_MS), staleSince: null })
  return (
    <>
      <h1 className="text-xl font-bold">Audit trail</h1>
      {rights.seesAll && <Verification />}
      <Filters>
        <TextFilter name="action" label="Command" />
        <TextFilter name="entity" label="About (id)" />
        <ChoiceFilter name="outcome" label="Outcome" choices={OUTCOMES} />
      </Filters>
      <Card title="Commands" count={pages.nodes.length} empty="There was no such command." {...pages}>
        <DataTable name="audit" columns={COLUMNS} lines={pages.nodes} attributesOf={() => ({ 'data-testid': 'audit-entry' })} />
        <MoreButton pages={pages} />
      </Card>
    </>
  )
}

function Verification(): ReactNode {
  const service = useService()
  const [isBusy, setBusy] = useState(false)
  const [said, setSaid] = useState<{ readonly isGood: boolean; readonly words: string } | null>(null)

  async function verify(): Promise<void> {
    setBusy(true)
    const outcome = await service.verifyAudit()
    if (!outcome.isDone) setSaid({ isGood: false, words: outcome.words })
    else if (outcome.value.intact) setSaid({ isGood: true, words: `Whole: ${figure(outcome.value.entries)} entries were walked, and nothing was changed, removed or inserted.` })
    else setSaid({ isGood: false, words: `Broken at entry ${outcome.value.faultSequence ?? '?'}: ${outcome.value.faultReason ?? 'unknown'}` })
    setBusy(false)
  }
  return (
    <section className="card flex flex-wrap items-center gap-3 text-sm" aria-label="Verification">
      <button type="button" className="button" disabled={isBusy} onClick={() => void verify()}>
        {isBusy ? 'Walking the trail…' : 'Verify the trail'}
      </button>
      {said === null ? (
        <span className="text-soft">Each entry carries a digest over itself and the one before it.</span>
      ) : (
        <span role="status" data-testid="audit-verification" className={said.isGood ? 'text-good' : 'text-bad'}>
          {said.words}
        </span>
      )}
    </section>
  )
}
