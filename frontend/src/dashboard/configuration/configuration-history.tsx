// Who changed which setting, from what to what, and why.
import type { ReactNode } from 'react'
import { ConfigurationHistoryDocument, type ConfigurationHistoryQuery } from '../../generated/operations'
import { dateAndTime, words } from '../format'
import { Card } from '../parts/card'
import { DataTable, type Column } from '../parts/data-table'
import { MoreButton } from '../parts/more-button'
import { usePages } from '../parts/use-pages'
import type { Changes } from '../use-live'

type Change = ConfigurationHistoryQuery['eventHistory']['edges'][number]['node']

/** A text of the payload of CONFIG_CHANGED; payloads are free-form to the API's types. */
function said(change: Change, name: 'previous' | 'value' | 'reason' | 'updatedBy'): string {
  const value = (change.payload as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'string' ? value : ''
}

const COLUMNS: readonly Column<Change>[] = [
  { name: 'When', by: (change) => change.createdAt, show: (change) => <span className="whitespace-nowrap text-soft">{dateAndTime(change.createdAt)}</span> },
  { name: 'Setting', by: (change) => change.entityId ?? '', show: (change) => words(change.entityId ?? '') },
  { name: 'From', isNumber: true, show: (change) => said(change, 'previous') },
  { name: 'To', isNumber: true, show: (change) => said(change, 'value') },
  { name: 'By', by: (change) => said(change, 'updatedBy'), show: (change) => said(change, 'updatedBy') },
  { name: 'Why', show: (change) => said(change, 'reason') },
]

export function ConfigurationHistory({ changes }: { readonly changes: Changes }): ReactNode {
  const pages = usePages(ConfigurationHistoryDocument, {}, (result) => result.eventHistory, changes)
  return (
    <Card title="History" count={pages.nodes.length} empty="Nothing was changed since the ledger was made." {...pages}>
      <DataTable name="changes" columns={COLUMNS} lines={pages.nodes} attributesOf={() => ({ 'data-testid': 'config-change' })} />
      <MoreButton pages={pages} />
    </Card>
  )
}
