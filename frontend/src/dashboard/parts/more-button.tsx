// The end of a list that has more.
import type { ReactNode } from 'react'
import type { Pages } from './use-pages'

export function MoreButton({ pages }: { readonly pages: Pages<unknown> }): ReactNode {
  if (!pages.hasMore) return null
  return (
    <button type="button" className="button mt-3" disabled={pages.isReading} onClick={() => pages.more()}>
      {pages.isReading ? 'Reading…' : 'Show older ones'}
    </button>
  )
}
