// A dialog in front of the page: asks for what a command needs, or shows what became of one.
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'

interface DialogProps {
  readonly title: string
  readonly isOpen: boolean
  readonly onClose: () => void
  readonly testId?: string
  readonly children: ReactNode
}

export function Dialog({ title, isOpen, onClose, testId, children }: DialogProps): ReactNode {
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-20 bg-black/50" />
        <Radix.Content
          aria-describedby={undefined}
          data-testid={testId}
          className="fixed top-1/2 left-1/2 z-30 max-h-[85vh] w-[min(640px,94vw)] -translate-1/2 overflow-auto rounded-xl border border-line bg-page p-6 text-ink"
        >
          <Radix.Title className="mb-3 text-xl font-bold">{title}</Radix.Title>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
