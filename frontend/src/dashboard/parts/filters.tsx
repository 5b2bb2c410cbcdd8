// The fields above a list that narrow it; each keeps its value in the address bar.
import { useEffect, useId, useState, type ReactNode } from 'react'
import { words } from '../format'
import { useUrlValue } from './use-url-value'

const TYPED_MS = 300 // after the last key

export function Filters({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <form role="search" className="card flex flex-wrap items-end gap-3 text-sm" onSubmit={(event) => event.preventDefault()}>
      {children}
    </form>
  )
}

interface ChoiceFilterProps {
  readonly name: string
  readonly label: string
  readonly choices: readonly string[]
}

export function ChoiceFilter({ name, label, choices }: ChoiceFilterProps): ReactNode {
  const [value, setValue] = useUrlValue(name)
  return (
    <label className="flex flex-col gap-1">
      <span className="text-xs text-soft">{label}</span>
      <select className="field" value={choices.includes(value) ? value : ''} onChange={(event) => setValue(event.target.value)}>
        <option value="">any</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {words(choice)}
          </option>
        ))}
      </select>
    </label>
  )
}

interface TextFilterProps {
  readonly name: string
  readonly label: string
  readonly isUpper?: boolean
  readonly longest?: number
}

/** A text that counts a moment after the last key. */
export function TextFilter({ name, label, isUpper = false, longest = 64 }: TextFilterProps): ReactNode {
  const [value, setValue] = useUrlValue(name)
  const [typed, setTyped] = useState(value)
  const id = useId()
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => setValue(typed.trim()), TYPED_MS)
    return () => clearTimeout(timer)
  })
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs text-soft">
        {label}
      </label>
      <input
        id={id}
        className="field w-40"
        type="search"
        autoComplete="off"
        maxLength={longest}
        value={typed}
        onChange={(event) => setTyped(isUpper ? event.target.value.toUpperCase() : event.target.value)}
      />
    </div>
  )
}
