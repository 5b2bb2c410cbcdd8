// The parts of a view, one shown at a time; the address bar keeps which.
import { Tabs } from 'radix-ui'
import type { ReactNode } from 'react'
import { useUrlValue } from './use-url-value'

export interface Part {
  readonly value: string
  readonly title: ReactNode
  readonly content: ReactNode
}

interface ViewTabsProps {
  readonly label: string
  readonly parts: readonly [Part, ...Part[]]
  /** What keeps the choice in the address; two on one page need two names. */
  readonly name?: string
}

export function ViewTabs({ label, parts, name = 'tab' }: ViewTabsProps): ReactNode {
  const [chosen, setChosen] = useUrlValue(name, parts[0].value)
  const shown = parts.find((part) => part.value === chosen) ?? parts[0]
  return (
    <Tabs.Root value={shown.value} onValueChange={setChosen}>
      <Tabs.List className="mb-3 flex flex-wrap gap-1" aria-label={label}>
        {parts.map(({ value, title }) => (
          <Tabs.Trigger
            key={value}
            value={value}
            className="rounded-lg px-3 py-1 text-sm text-soft data-[state=active]:bg-accent-sunk data-[state=active]:font-semibold data-[state=active]:text-ink"
          >
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value={shown.value} className="flex flex-col gap-4">
        {shown.content}
      </Tabs.Content>
    </Tabs.Root>
  )
}
