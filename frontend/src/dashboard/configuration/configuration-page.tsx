// The route /configuration: each setting with its bounds; a change needs a reason, and is refused when somebody was quicker.
import { useState, type ReactNode } from 'react'
import { ConfigurationDocument, type ConfigurationQuery } from '../../generated/operations'
import { relativeTime, words } from '../format'
import { Fault } from '../parts/card'
import { ReasonForm } from '../parts/reason-form'
import { useCommand } from '../parts/use-command'
import { useRights } from '../shell/me'
import { useAnswer, useChanges, useService } from '../use-live'
import { useNow } from '../use-now'
import { ConfigurationHistory } from './configuration-history'

type Setting = ConfigurationQuery['config'][number]

export function ConfigurationPage(): ReactNode {
  const changes = useChanges(['CONFIG_CHANGED'])
  const answer = useAnswer(ConfigurationDocument, {}, changes.version)
  return (
    <>
      <h1 className="text-xl font-bold">Configuration</h1>
      <Fault words={answer.fault} />
      {answer.data === null && answer.fault === null && <p className="text-soft">Loading…</p>}
      <ul className={`grid gap-4 lg:grid-cols-2 ${changes.staleSince === null ? '' : 'stale'}`}>
        {answer.data?.config.map((setting) => (
          <SettingCard key={`${setting.key} ${setting.version}`} setting={setting} />
        ))}
      </ul>
      <ConfigurationHistory changes={changes} />
    </>
  )
}

function SettingCard({ setting }: { readonly setting: Setting }): ReactNode {
  const service = useService()
  const rights = useRights()
  const command = useCommand()
  const now = useNow()
  const [value, setValue] = useState(setting.value)
  function leave(): void {
    setValue(setting.value)
    command.forget()
  }
  return (
    <li className="card text-sm" data-testid="setting" data-key={setting.key}>
      <label className="font-semibold">
        {words(setting.key)}
        <ValueInput setting={setting} value={value} isFixed={!rights.may('CHANGE_LIMITS')} onChange={setValue} />
      </label>
      <p className="mt-1 text-soft">{setting.description}</p>
      <p className="mb-2 text-xs text-soft">
        {boundsOf(setting)}version {setting.version}, by {setting.updatedBy} {relativeTime(Date.parse(setting.updatedAt), now)}
      </p>
      {value !== setting.value && (
        <ReasonForm
          action="Change"
          cancel="Leave it"
          command={command}
          onReason={(reason) => void command.run(() => service.changeSetting(setting.key, value, setting.version, reason))}
          onCancel={leave}
        />
      )}
    </li>
  )
}

interface ValueInputProps {
  readonly setting: Setting
  readonly value: string
  /** For those who may look and not change. */
  readonly isFixed: boolean
  readonly onChange: (value: string) => void
}

function ValueInput({ setting, value, isFixed, onChange }: ValueInputProps): ReactNode {
  const look = 'field mt-1 block w-full font-normal tabular-nums'
  if (setting.type === 'BOOLEAN') {
    return (
      <select className={look} disabled={isFixed} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="true">on</option>
        <option value="false">off</option>
      </select>
    )
  }
  return <input className={look} readOnly={isFixed} inputMode="decimal" autoComplete="off" value={value} onChange={(event) => onChange(event.target.value.trim())} />
}

function boundsOf({ minimum, maximum }: Setting): string {
  return minimum === null && maximum === null ? '' : `from ${minimum ?? '…'} to ${maximum ?? '…'} · `
}
