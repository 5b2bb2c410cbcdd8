// What someone sees who is not signed in, with the way in; shown by session-gate.tsx.
import { useState, type FormEvent, type ReactNode } from 'react'
import type { SessionState } from '../lib/session'
import { codeOfPastedText } from '../lib/sign-in-code'
import markAddress from './mark.svg'

type OutsideState = Exclude<SessionState, { kind: 'signed-in' }>

interface SignInPageProps {
  readonly state: OutsideState
  readonly onCode: (code: string) => void
  readonly onRetry: (code: string | null) => void
}

export function SignInPage({ state, onCode, onRetry }: SignInPageProps): ReactNode {
  return (
    <main className="sign-in" data-testid="sign-in-page" data-state={state.kind}>
      <section className="sign-in-card">
        <header className="sign-in-brand">
          <img src={markAddress} alt="" width="28" height="28" />
          <span>Quantum Leap Trading Engine</span>
        </header>
        <Content state={state} onCode={onCode} onRetry={onRetry} />
      </section>
    </main>
  )
}

function Content({ state, onCode, onRetry }: SignInPageProps): ReactNode {
  switch (state.kind) {
    case 'signing-in':
      return (
        <p className="sign-in-wait" role="status">
          Signing in…
        </p>
      )
    case 'unreachable':
      return <Unreachable onRetry={() => onRetry(state.code)} />
    case 'code-refused':
      return (
        <>
          <h1>{headingOfRefusal(state.status)}</h1>
          <p className="sign-in-error" role="alert" data-testid="sign-in-error">
            {explanationOfRefusal(state.status)}
            {state.message !== '' && <span className="sign-in-said">The server says: {state.message}</span>}
          </p>
          <WayIn onCode={onCode} />
        </>
      )
    case 'signed-out':
      return (
        <>
          <h1>{HEADINGS[state.because]}</h1>
          <WayIn onCode={onCode} />
        </>
      )
  }
}

const HEADINGS = {
  'no-session': 'You are not signed in',
  ended: 'You have been signed out',
  'own-wish': 'You are signed out',
} as const

function headingOfRefusal(status: number): string {
  if (status === 401) return 'This sign-in link no longer works'
  if (status === 429) return 'Too many attempts'
  return 'This is not a valid sign-in link'
}

function explanationOfRefusal(status: number): string {
  if (status === 401) return 'It has been used already, or it has expired. Each link signs in once.'
  if (status === 429) return 'Wait a minute before you try again.'
  return 'The code in it may have been cut off when it was copied.'
}

function Unreachable({ onRetry }: { readonly onRetry: () => void }): ReactNode {
  return (
    <>
      <h1>The engine does not answer</h1>
      <p className="sign-in-error" role="alert" data-testid="sign-in-error">
        It may be starting, or it may have been stopped. Orders, positions and events are kept by the engine, not by this
        page.
      </p>
      <button type="button" className="button-primary" data-testid="sign-in-retry" onClick={onRetry}>
        Try again
      </button>
    </>
  )
}

function WayIn({ onCode }: { readonly onCode: (code: string) => void }): ReactNode {
  return (
    <>
      <p>This page opens with a single-use sign-in link. In the folder of the engine, run</p>
      <pre className="sign-in-command">
        <code>.venv/bin/trading-engine open</code>
      </pre>
      <p>and open the link it prints.</p>
      <PasteForm onCode={onCode} />
    </>
  )
}

function PasteForm({ onCode }: { readonly onCode: (code: string) => void }): ReactNode {
  const [text, setText] = useState('')
  const [unreadable, setUnreadable] = useState(false)

  function submit(event: FormEvent): void {
    event.preventDefault()
    const code = codeOfPastedText(text)
    setUnreadable(code === null)
    if (code !== null) onCode(code)
  }

  return (
    <form className="sign-in-form" onSubmit={submit}>
      <label htmlFor="sign-in-code">Or paste the link, or only its code</label>
      <div className="sign-in-row">
        <input
          id="sign-in-code"
          data-testid="sign-in-code"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
          aria-invalid={unreadable}
        />
        <button type="submit" className="button-primary" data-testid="sign-in-submit" disabled={text.trim() === ''}>
          Sign in
        </button>
      </div>
      {unreadable && (
        <p className="sign-in-error" role="alert" data-testid="sign-in-unreadable">
          This is neither a sign-in link nor a code. A link ends with #code= and letters or digits.
        </p>
      )}
    </form>
  )
}
