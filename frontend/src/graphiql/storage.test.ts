import { expect, test } from 'vitest'
import { createTabStorage, withoutSecrets } from './storage'

function memory(): Storage {
  const values = new Map<string, string>()
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
    key: (index) => [...values.keys()][index] ?? null,
    clear: () => values.clear(),
    get length() {
      return values.size
    },
  }
}

test('each mount keeps its own values and leaves those of others alone', () => {
  const backing = memory()
  backing.setItem('graphiql:tabState', 'of another tool')
  const ours = createTabStorage('/', backing)
  const mounted = createTabStorage('/desk/', backing)
  expect(ours.getItem('graphiql:tabState')).toBeNull()
  ours.setItem('graphiql:theme', 'dark')
  mounted.setItem('graphiql:theme', 'light')
  expect(ours.getItem('graphiql:theme')).toBe('dark')
  ours.clear()
  expect(ours.length).toBe(0)
  expect(mounted.getItem('graphiql:theme')).toBe('light')
  expect(backing.getItem('graphiql:tabState')).toBe('of another tool')
})

test('a tab that carries a broker secret is not kept, the others are', () => {
  const tabs = [{ query: 'query Health { a }' }, { query: 'mutation { storeBrokerCredential(input: {secret: "s3"}) }' }]
  const kept = withoutSecrets(JSON.stringify({ tabs, activeTabIndex: 1 }))
  expect(kept).toContain('query Health')
  expect(kept).not.toContain('s3')
  expect(withoutSecrets('mutation { storeBrokerCredential(input: $secret) }')).toBeNull()
})
