// A button that must be held: quick enough for an emergency, and nothing that happens by a slip of the hand.
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'

const HOLD_MS = 800

interface HoldButtonProps {
  readonly children: ReactNode
  readonly testId: string
  readonly isBusy: boolean
  readonly onHeld: () => void
}

export function HoldButton({ children, testId, isBusy, onHeld }: HoldButtonProps): ReactNode {
  const [isHeld, setHeld] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])

  function hold(): void {
    if (isBusy || isHeld) return
    setHeld(true)
    timer.current = setTimeout(() => {
      setHeld(false)
      onHeld()
    }, HOLD_MS)
  }
  function release(): void {
    clearTimeout(timer.current)
    setHeld(false)
  }
  function isPress(event: KeyboardEvent): boolean {
    return event.key === ' ' || event.key === 'Enter'
  }
  return (
    <button
      type="button"
      data-testid={testId}
      disabled={isBusy}
      aria-description="Hold for a second"
      className="relative overflow-hidden rounded-lg bg-bad px-4 py-2 text-sm font-bold text-page select-none disabled:opacity-60"
      onPointerDown={(event) => event.button === 0 && hold()}
      onPointerUp={release}
      onPointerLeave={release}
      onPointerCancel={release}
      onBlur={release}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (!isPress(event)) return
        event.preventDefault()
        if (!event.repeat) hold()
      }}
      onKeyUp={(event) => isPress(event) && release()}
    >
      <span
        aria-hidden
        className="absolute inset-y-0 left-0 bg-page/30"
        style={{ width: isHeld ? '100%' : '0%', transition: isHeld ? `width ${HOLD_MS}ms linear` : 'none' }}
      />
      <span className="relative">{children}</span>
    </button>
  )
}
