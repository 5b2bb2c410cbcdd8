// The route /configuration: each setting with its bounds; a change needs a reason, and is refused when somebody was quicker.
import { useState, type FormEvent, type ReactNode } from 'react'
import { ChangeSettingDocument, ConfigurationDocument, LiveEventsDocument, type ConfigurationQuery, type EventFilter } from '../../generated/operations'
import { relativeTime, words } from '../format'
import { useAnswer, useClient, useLive } from '../use-live'
import { useNow } from '../use-now'

const CHANGES: EventFilter = { types: ['CONFIG_CHANGED'] }

type Setting = ConfigurationQuery['config'][number]

export function ConfigurationPage(): ReactNode {
  const changes = useLive(
    LiveEventsDocument,
    () => ({ filter: CHANGES }),
    (kept: number | undefined) => (kept ?? 0) + 1,
    (count) => count + 1,
  )
  const answer = useAnswer(ConfigurationDocument, {}, changes.state)
  return (
    <>
      <h1 className="text-xl font-bold">Configuration</h1>
      {answer.fault !== null && <p role="alert" className="text-sm text-bad">{answer.fault}</p>}
      <ul className="grid gap-4 lg:grid-cols-2">
        {answer.data?.config.map((setting) => (
          <SettingCard key={`${setting.key} ${setting.version}`} setting={setting} />
        ))}
      </ul>
    </>
  )
}

function SettingCard({ setting }: { readonly setting: Setting }): ReactNode {
  const client = useClient()
  const now = useNow()
  const [value, setValue] = useState(setting.value)
  const [reason, setReason] = useState('')
  const [said, setSaid] = useState<string | null>(null)

  function save(event: FormEvent): void {
    event.preventDefault()
    client
      .ask(ChangeSettingDocument, { key: setting.key, value, version: setting.version, reason })
      .then(({ updateConfig }) => setSaid(updateConfig.__typename === 'Refused' ? updateConfig.message : null))
      .catch((error: unknown) => setSaid((error as Error).message))
  }
  return (
    <li className="card text-sm" data-testid="setting" data-key={setting.key}>
      <form onSubmit={save} aria-label={words(setting.key)}>
        <label className="font-semibold">
          {words(setting.key)}
          <ValueInput setting={setting} value={value} onChange={setValue} />
        </label>
        <p className="mt-1 text-soft">{setting.description}</p>
        <p className="text-xs text-soft">
          {boundsOf(setting)}version {setting.version}, by {setting.updatedBy} {relativeTime(Date.parse(setting.updatedAt), now)}
        </p>
        {value !== setting.value && (
          <div className="mt-2 flex flex-wrap gap-2">
            <input
              className="grow rounded-lg border border-line bg-page px-3 py-1.5"
              aria-label="Why"
              placeholder="Why"
              required
              maxLength={500}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
            <button type="submit" className="button-strong">
              Change
            </button>
            <button type="button" className="button" onClick={() => setValue(setting.value)}>
              Leave it
            </button>
          </div>
        )}
        {said !== null && (
          <p role="alert" className="mt-2 text-bad">
            {said}
          </p>
        )}
      </form>
    </li>
  )
}

interface ValueInputProps {
  readonly setting: Setting
  readonly value: string
  readonly onChange: (value: string) => void
}

function ValueInput({ setting, value, onChange }: ValueInputProps): ReactNode {
  const look = 'mt-1 block w-full rounded-lg border border-line bg-page px-3 py-2 font-normal tabular-nums'
  if (setting.type === 'BOOLEAN') {
    return (
      <select className={look} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="true">on</option>
        <option value="false">off</option>
      </select>
    )
  }
  return <input className={look} inputMode="decimal" autoComplete="off" value={value} onChange={(event) => onChange(event.target.value.trim())} />
}

function boundsOf({ minimum, maximum }: Setting): string {
  return minimum === null && maximum === null ? '' : `from ${minimum ?? '…'} to ${maximum ?? '…'} · `
}
