// A list that is read page by page, newest first, and brought up to date from its top.
import { useEffect, useRef, useState } from 'react'
import type { Operation } from '../client'
import { useClient, type Changes } from '../use-live'
import type { Shown } from './card'

const NONE: Changes = { version: 0, staleSince: null } // a list that is asked for once

export interface Page<Node> {
  readonly edges: readonly { readonly node: Node }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

interface Read<Node> {
  readonly nodes: readonly Node[]
  readonly next: string | null // the cursor of what comes after them, where something does
}

export interface Pages<Node> extends Shown {
  readonly nodes: readonly Node[]
  readonly hasMore: boolean
  readonly isReading: boolean
  more(): void
}

/**
 * Ask for the first page, and again whenever something changed; other variables begin another list. Operations take
 * `$after`. What was read of older pages stays, as long as nothing can be missing between it and the new first page.
 */
export function usePages<Result, Variables extends { readonly after?: string | null }, Node extends { readonly id: string }>(
  operation: Operation<Result, Variables>,
  variables: Omit<Variables, 'after'>,
  pageOf: (result: Result) => Page<Node>,
  changes: Changes = NONE,
): Pages<Node> {
  const client = useClient()
  const [read, setRead] = useState<{ readonly key: string; readonly list: Read<Node> } | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const [isReading, setReading] = useState(true)
  const picking = useRef(pageOf)
  picking.current = pageOf
  const key = JSON.stringify(variables)
  const list = read?.key === key ? read.list : null

  function ask(after: string | null, fold: (kept: Read<Node> | null, page: Read<Node>) => Read<Node>): () => void {
    let isOver = false
    setReading(true)
    client
      .ask(operation, { ...(JSON.parse(key) as Variables), after })
      .then((result) => {
        if (isOver) return
        const page = readOf(picking.current(result))
        setRead((before) => ({ key, list: fold(before?.key === key ? before.list : null, page) }))
        setFault(null)
      })
      .catch((error: unknown) => isOver || setFault((error as Error).message))
      .finally(() => isOver || setReading(false))
    return () => void (isOver = true)
  }
  useEffect(() => ask(null, renewed), [client, operation, key, changes.version])
  return {
    nodes: list?.nodes ?? [],
    hasMore: list !== null && list.next !== null,
    isReady: list !== null,
    isStale: changes.staleSince !== null || (list !== null && fault !== null),
    fault,
    isReading,
    more: () => void (list !== null && list.next !== null && ask(list.next, lengthened)),
  }
}

function readOf<Node>({ edges, pageInfo }: Page<Node>): Read<Node> {
  return { nodes: edges.map((edge) => edge.node), next: pageInfo.hasNextPage ? pageInfo.endCursor : null }
}

/** Put a new first page before what is known; where they do not meet, only the page is kept. */
export function renewed<Node extends { readonly id: string }>(kept: Read<Node> | null, page: Read<Node>): Read<Node> {
  const ids = new Set(page.nodes.map((node) => node.id))
  const met = kept?.nodes.findLastIndex((node) => ids.has(node.id)) ?? -1
  if (kept === null || page.next === null || met === -1) return page
  const older = kept.nodes.slice(met + 1)
  return older.length === 0 ? page : { nodes: [...page.nodes, ...older], next: kept.next }
}

/** Put an older page after what is known. */
export function lengthened<Node extends { readonly id: string }>(kept: Read<Node> | null, page: Read<Node>): Read<Node> {
  const ids = new Set(kept?.nodes.map((node) => node.id))
  return { nodes: [...(kept?.nodes ?? []), ...page.nodes.filter((node) => !ids.has(node.id))], next: page.next }
}
