// Where GraphiQL keeps its tabs: localStorage, under a prefix of this mount, without anything secret; used by explorer.tsx.
import type { Storage as GraphiQLStorage } from '@graphiql/toolkit'

// The operation that carries a broker's secret must leave no trace in the browser.
const SECRET_OPERATION = /\bstoreBrokerCredential\b/

type Backing = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

/**
 * Keep GraphiQL's values apart from those of other tools: many use the same address (127.0.0.1:8000) and GraphiQL's
 * own keys, and their tabs would show up here in place of the examples.
 */
export function createTabStorage(mountPath: string, backing: Backing): GraphiQLStorage {
  const prefix = `trading-engine:${mountPath}:`
  const ownKeys = (): string[] =>
    Array.from({ length: backing.length }, (_, index) => backing.key(index) ?? '').filter((key) => key.startsWith(prefix))
  return {
    getItem: (key) => backing.getItem(prefix + key),
    setItem: (key, value) => {
      const kept = withoutSecrets(value)
      if (kept === null) backing.removeItem(prefix + key)
      else backing.setItem(prefix + key, kept)
    },
    removeItem: (key) => backing.removeItem(prefix + key),
    clear: () => ownKeys().forEach((key) => backing.removeItem(key)),
    get length() {
      return ownKeys().length
    },
  }
}

/** Drop the tabs and history entries that mention a secret; null where nothing may be kept. */
export function withoutSecrets(value: string): string | null {
  if (!SECRET_OPERATION.test(value)) return value
  const parsed = parsedOrNull(value)
  if (parsed === null) return null
  for (const [name, entries] of Object.entries(parsed)) {
    if (Array.isArray(entries)) parsed[name] = entries.filter((entry) => !SECRET_OPERATION.test(JSON.stringify(entry)))
  }
  return JSON.stringify(parsed)
}

function parsedOrNull(value: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}
