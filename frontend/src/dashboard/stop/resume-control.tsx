// Lifting one stop: shows what will happen, and asks why.
import { useState, type ReactNode } from 'react'
import { BeforeResumingDocument } from '../../generated/operations'
import { words } from '../format'
import { Dialog } from '../parts/dialog'
import { ReasonForm } from '../parts/reason-form'
import { useCommand } from '../parts/use-command'
import { useAnswer, useService } from '../use-live'
import type { Halt } from './trading-banner'

export function ResumeControl({ halt }: { readonly halt: Halt }): ReactNode {
  const service = useService()
  const command = useCommand()
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button type="button" className="button" data-testid="resume" onClick={() => setOpen(true)}>
        Resume…
      </button>
      <Dialog title="Resume trading" isOpen={isOpen} onClose={() => setOpen(false)}>
        <WhatWillHappen halt={halt} />
        <ReasonForm
          action="Resume trading"
          cancel="Leave it stopped"
          command={command}
          testId="resume-reason"
          onCancel={() => setOpen(false)}
          onReason={(reason) =>
            void command.run(() => service.resumeTrading({ scope: halt.scope, target: halt.target }, reason)).then((isDone) => isDone && setOpen(false))
          }
        />
      </Dialog>
    </>
  )
}

function WhatWillHappen({ halt }: { readonly halt: Halt }): ReactNode {
  const { data, fault } = useAnswer(BeforeResumingDocument, {}, halt.id)
  const paused = data?.strategies.edges.map((edge) => edge.node.name) ?? []
  const held = data?.positions.edges.length ?? 0
  return (
    <ul className="my-3 list-disc pl-5 text-sm">
      <li>
        The stop of {halt.target === null ? words(halt.scope) : `${words(halt.scope)} ${halt.target}`} (“{halt.reason}”) is lifted; orders are
        accepted again.
      </li>
      <li>
        Protective stops that were taken back are placed again
        {data !== null && (held === 0 ? ': no position is open.' : `, for ${held === 100 ? 'at least 100' : held} open position${held === 1 ? '' : 's'}.`)}
      </li>
      <li>
        {paused.length === 0 ? 'No strategy is paused.' : `Strategies stay paused until each is resumed by somebody: ${paused.join(', ')}.`}
      </li>
      {fault !== null && <li className="text-warn">What is paused and held could not be asked: {fault}</li>}
    </ul>
  )
}
