// What a view is set to, kept in the address bar: a reload, a link and the back button show the same.
import { useSearchParams } from 'react-router'

/** A named value of the address, and how to change it. The default is not written out. */
export function useUrlValue(name: string, byDefault = ''): [string, (value: string) => void] {
  const [parameters, setParameters] = useSearchParams()
  const value = parameters.get(name) ?? byDefault
  function set(next: string): void {
    setParameters(
      (before) => {
        if (next === byDefault) before.delete(name)
        else before.set(name, next)
        return before
      },
      { replace: true },
    )
  }
  return [value, set]
}

/** The same for a closed set: what is not of it, in a link of somebody's making, is the default. */
export function useUrlChoice<Choice extends string>(name: string, choices: readonly Choice[]): [Choice | '', (value: Choice | '') => void] {
  const [value, set] = useUrlValue(name)
  return [choices.find((choice) => choice === value) ?? '', set]
}
