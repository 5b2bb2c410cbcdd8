// The order ticket: says as it is written what the engine would make of it, and sends an order once however often it is pressed.
import { useEffect, useId, useState, type FormEvent, type ReactNode } from 'react'
import {
  SymbolsDocument,
  type OrderSide,
  type OrderType,
  type PreviewOrderMutation,
  type TimeInForce,
} from '../../generated/operations'
import { figure } from '../format'
import { useAnswer, useService } from '../use-live'
import { EMPTY_DRAFT, orderOf, type Draft } from './draft'

const PREVIEW_AFTER_MS = 250
const SIDES: readonly OrderSide[] = ['BUY', 'SELL']
const TYPES: readonly OrderType[] = ['MARKET', 'LIMIT', 'STOP']
const TIMES: readonly TimeInForce[] = ['DAY', 'GTC', 'IOC']

type Preview = PreviewOrderMutation['previewOrder']

export function Ticket(): ReactNode {
  const service = useService()
  const symbols = useAnswer(SymbolsDocument, {}, 0)
  const [draft, setDraft] = useState(EMPTY_DRAFT)
  const [clientOrderId, setClientOrderId] = useState(() => crypto.randomUUID())
  const [said, setSaid] = useState<{ readonly isGood: boolean; readonly words: string } | null>(null)
  const [isBusy, setBusy] = useState(false)
  const preview = usePreview(draft)
  const order = orderOf(draft, clientOrderId)
  const listId = useId()

  function change(part: Partial<Draft>): void {
    setDraft((before) => ({ ...before, ...part }))
    setSaid(null)
  }
  function place(event: FormEvent): void {
    event.preventDefault()
    if (order === null) return
    setBusy(true)
    void service.placeOrder(order).then((outcome) => {
      const isUnknown = !outcome.isDone && outcome.isUnknown
      setSaid({
        isGood: outcome.isDone,
        words: outcome.isDone ? 'The order is accepted.' : `${outcome.words}${isUnknown ? ' Press again: it is sent once only.' : ''}`,
      })
      // Answered: another press is another order. Without an answer the id stays, and pressing again is safe.
      if (!isUnknown) setClientOrderId(crypto.randomUUID())
      setBusy(false)
    })
  }
  return (
    <form className="card flex flex-col gap-3 text-sm" onSubmit={place} aria-label="Order ticket">
      <h2>New order</h2>
      <Choice name="Side" values={SIDES} value={draft.side} onChange={(side) => change({ side })} />
      <label>
        Symbol
        <input
          className="mt-1 w-full rounded-lg border border-line bg-page px-3 py-2"
          list={listId}
          autoComplete="off"
          value={draft.symbol}
          onChange={(event) => change({ symbol: event.target.value.trim().toUpperCase() })}
        />
        <datalist id={listId}>
          {symbols.data?.marketData.map((quote) => (
            <option key={quote.symbol} value={quote.symbol}>
              {figure(quote.last)}
            </option>
          ))}
        </datalist>
      </label>
      <Amount name="Quantity" value={draft.quantity} onChange={(quantity) => change({ quantity })} />
      <Choice name="Type" values={TYPES} value={draft.type} onChange={(type) => change({ type })} />
      {draft.type !== 'MARKET' && (
        <Amount name={draft.type === 'LIMIT' ? 'Limit price' : 'Stop price'} value={draft.price} onChange={(price) => change({ price })} />
      )}
      <Choice name="Time in force" values={TIMES} value={draft.timeInForce} onChange={(timeInForce) => change({ timeInForce })} />
      <PreviewView preview={preview} />
      <button type="submit" className="button-strong" disabled={order === null || isBusy}>
        {isBusy ? 'Sending…' : `${draft.side === 'BUY' ? 'Buy' : 'Sell'} ${draft.quantity} ${draft.symbol}`}
      </button>
      {said !== null && (
        <p role="status" data-testid="ticket-outcome" className={said.isGood ? 'text-good' : 'text-bad'}>
          {said.words}
        </p>
      )}
    </form>
  )
}

/** What the engine would make of a draft, asked for a moment after the last change; null while the draft is no order. */
function usePreview(draft: Draft): Preview | null {
  const service = useService()
  const [preview, setPreview] = useState<Preview | null>(null)
  useEffect(() => {
    let isOver = false
    const order = orderOf(draft, 'preview')
    const timer = setTimeout(() => {
      if (order === null) return setPreview(null)
      void service.previewOrder(order).then((answer) => isOver || setPreview(answer))
    }, PREVIEW_AFTER_MS)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [service, draft])
  return preview
}

function PreviewView({ preview }: { readonly preview: Preview | null }): ReactNode {
  if (preview === null) return <p className="text-soft">The checks show what would become of the order as you write it.</p>
  return (
    <div role="status" data-testid="preview" data-allowed={preview.allowed} className="rounded-lg bg-sunk p-3">
      <p className={preview.allowed ? 'font-semibold text-good' : 'font-semibold text-bad'}>{preview.allowed ? 'All checks pass' : preview.message}</p>
      {preview.notional !== null && (
        <p className="text-soft">
          about {figure(preview.notional)} at {figure(preview.referencePrice)}, commission {figure(preview.commission)}
        </p>
      )}
      <ul className="mt-1">
        {preview.reasons
          .filter((check) => !check.passed)
          .map((check) => (
            <li key={`${check.code} ${check.message}`} className="text-bad">
              {check.message}
            </li>
          ))}
      </ul>
    </div>
  )
}

interface ChoiceProps<Value extends string> {
  readonly name: string
  readonly values: readonly Value[]
  readonly value: Value
  readonly onChange: (value: Value) => void
}

function Choice<Value extends string>({ name, values, value, onChange }: ChoiceProps<Value>): ReactNode {
  return (
    <fieldset>
      <legend>{name}</legend>
      <div className="mt-1 flex overflow-hidden rounded-lg border border-line">
        {values.map((each) => (
          <label key={each} className={`grow cursor-pointer py-1.5 text-center has-focus-visible:outline-2 ${each === value ? 'bg-accent font-semibold text-accent-ink' : ''}`}>
            <input type="radio" className="sr-only" name={name} checked={each === value} onChange={() => onChange(each)} />
            {each.toLowerCase()}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

function Amount({ name, value, onChange }: { readonly name: string; readonly value: string; readonly onChange: (value: string) => void }): ReactNode {
  return (
    <label>
      {name}
      <input
        className="mt-1 w-full rounded-lg border border-line bg-page px-3 py-2 tabular-nums"
        inputMode="decimal"
        autoComplete="off"
        value={value}
        onChange={(event) => onChange(event.target.value.trim())}
      />
    </label>
  )
}
