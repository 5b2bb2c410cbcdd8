// Putting a strategy to work: the fields are those that the engine says its kind takes, with its bounds and defaults.
import { useId, useState, type FormEvent, type ReactNode } from 'react'
import { StrategyKindsDocument, type StrategyKindsQuery } from '../../generated/operations'
import { words } from '../format'
import { Fault } from '../parts/card'
import { useCommand } from '../parts/use-command'
import { useAnswer, useService } from '../use-live'

type Kind = StrategyKindsQuery['strategyKinds'][number]
type Parameter = Kind['parameters'][number]

export function DeployForm({ onDone }: { readonly onDone: () => void }): ReactNode {
  const { data, fault } = useAnswer(StrategyKindsDocument, {}, 0)
  const [chosen, setChosen] = useState('')
  const kinds = data?.strategyKinds ?? []
  const kind = kinds.find((each) => each.kind === chosen) ?? kinds[0]
  if (kind === undefined) return <p className="text-sm text-soft">{fault ?? (data === null ? 'Asking what there is…' : 'This engine has no strategies.')}</p>
  return (
    <>
      <label className="mb-3 block text-sm">
        Kind
        <select className="field mt-1 block w-full" value={kind.kind} onChange={(event) => setChosen(event.target.value)}>
          {kinds.map((each) => (
            <option key={each.kind} value={each.kind}>
              {words(each.kind)}
            </option>
          ))}
        </select>
      </label>
      <p className="mb-3 text-sm text-soft">{kind.description}</p>
      <KindForm key={kind.kind} kind={kind} symbols={data?.marketData.map((quote) => quote.symbol) ?? []} onDone={onDone} />
    </>
  )
}

interface KindFormProps {
  readonly kind: Kind
  readonly symbols: readonly string[]
  readonly onDone: () => void
}

function KindForm({ kind, symbols, onDone }: KindFormProps): ReactNode {
  const service = useService()
  const command = useCommand()
  const [clientDeploymentId] = useState(() => crypto.randomUUID())
  const [name, setName] = useState(words(kind.kind))
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() => Object.fromEntries(kind.parameters.map((each) => [each.name, each.default])))

  function deploy(event: FormEvent): void {
    event.preventDefault()
    const variables = { clientDeploymentId, name, kind: kind.kind, symbols: [...chosen], parameters: values }
    void command.run(() => service.deployStrategy(variables)).then((isDone) => isDone && onDone())
  }
  return (
    <form className="flex flex-col gap-3 text-sm" aria-label="Deploy a strategy" onSubmit={deploy}>
      <label>
        Name
        <input className="field mt-1 w-full" required maxLength={64} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      <fieldset>
        <legend>Symbols</legend>
        <div className="mt-1 flex flex-wrap gap-x-4 gap-y-1">
          {symbols.map((symbol) => (
            <label key={symbol} className="flex items-center gap-1.5">
              <input
                type="checkbox"
                checked={chosen.includes(symbol)}
                onChange={(event) => setChosen(event.target.checked ? [...chosen, symbol] : chosen.filter((each) => each !== symbol))}
              />
              {symbol}
            </label>
          ))}
          {symbols.length === 0 && <span className="text-soft">No prices have come yet.</span>}
        </div>
      </fieldset>
      <div className="grid gap-3 sm:grid-cols-2">
        {kind.parameters.map((parameter) => (
          <ParameterField
            key={parameter.name}
            parameter={parameter}
            value={values[parameter.name] ?? ''}
            onChange={(value) => setValues({ ...values, [parameter.name]: value })}
          />
        ))}
      </div>
      <Fault words={command.said} />
      <div>
        <button type="submit" className="button-strong" disabled={command.isBusy || chosen.length === 0}>
          {chosen.length === 0 ? 'Choose symbols' : `Deploy on ${chosen.join(', ')}`}
        </button>
      </div>
    </form>
  )
}

interface ParameterFieldProps {
  readonly parameter: Parameter
  readonly value: string
  readonly onChange: (value: string) => void
}

function ParameterField({ parameter, value, onChange }: ParameterFieldProps): ReactNode {
  const id = useId()
  const isText = parameter.type === 'STRING'
  const bounds = `${parameter.minimum} to ${parameter.maximum}${isText ? ' characters' : ''}`
  return (
    <div>
      <label htmlFor={id}>{words(parameter.name)}</label>
      <input
        id={id}
        className="field mt-1 w-full tabular-nums"
        inputMode={isText ? 'text' : parameter.type === 'INTEGER' ? 'numeric' : 'decimal'}
        autoComplete="off"
        required={!isText || Number(parameter.minimum) > 0}
        aria-describedby={`${id}-what`}
        value={value}
        onChange={(event) => onChange(isText ? event.target.value : event.target.value.trim())}
      />
      <p id={`${id}-what`} className="mt-0.5 text-xs text-soft">
        {parameter.description} {bounds}
      </p>
    </div>
  )
}
