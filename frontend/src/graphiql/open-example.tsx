// A menu that opens an example in a new tab, for a second order or after the first tabs were edited; in explorer.tsx.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react'
import { useEffect, type ReactNode } from 'react'
import { EXAMPLES, readyText } from './examples'

export function OpenExample(): ReactNode {
  const { addTab } = useGraphiQLActions()
  const queryEditor = useGraphiQL((state) => state.queryEditor)

  // The examples explain themselves in comments longer than the editor is wide.
  useEffect(() => queryEditor?.updateOptions({ wordWrap: 'on' }), [queryEditor])

  function open(title: string): void {
    const example = EXAMPLES.find((candidate) => candidate.title === title)
    if (example === undefined) return
    addTab()
    queryEditor?.setValue(readyText(example))
  }

  return (
    <select
      className="open-example"
      data-testid="open-example"
      aria-label="Open an example in a new tab"
      value=""
      onChange={(event) => open(event.target.value)}
    >
      <option value="" disabled>
        Open example…
      </option>
      {EXAMPLES.map(({ title }) => (
        <option key={title} value={title}>
          {title}
        </option>
      ))}
    </select>
  )
}
