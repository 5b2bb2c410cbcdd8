import { expect, test } from 'vitest'
import { endpointsOf } from './endpoints'

test.each([
  ['http://127.0.0.1:8000/graphiql', 'http://127.0.0.1:8000/', '/'],
  ['http://127.0.0.1:8000/graphiql#code=abc', 'http://127.0.0.1:8000/', '/'],
  ['http://127.0.0.1:8000/desk/trading/graphiql?x=1', 'http://127.0.0.1:8000/desk/trading/', '/desk/trading/'],
])('endpoints of %s lie beside the page', (page, mount, mountPath) => {
  const endpoints = endpointsOf(page)
  expect(endpoints.graphql).toBe(`${mount}graphql`)
  expect(endpoints.session).toBe(`${mount}session`)
  expect(endpoints.mountPath).toBe(mountPath)
  expect(endpoints.graphqlSocket).toBe(`${mount.replace('http:', 'ws:')}graphql`)
})

test('a page served over TLS opens its socket over TLS', () => {
  expect(endpointsOf('https://trading.example/app/graphiql').graphqlSocket).toBe('wss://trading.example/app/graphql')
})
