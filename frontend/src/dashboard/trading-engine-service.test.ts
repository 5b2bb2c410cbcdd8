import { expect, test } from 'vitest'
import { OperationFailed, type Client } from './client'
import { createTradingEngineService, outcomeOf, type TradingEngineService } from './trading-engine-service'

function serviceThatHears(answer: () => Promise<unknown>): { service: TradingEngineService; asked: object[] } {
  const asked: object[] = []
  const client = {
    ask(_operation: unknown, variables: object) {
      asked.push(variables)
      return answer()
    },
  } as unknown as Client
  return { service: createTradingEngineService(client), asked }
}

test('typed refusals are told in their own words', () => {
  expect(outcomeOf({ __typename: 'Refused', message: 'value: must be 1 to 10' })).toEqual({ isDone: false, words: 'value: must be 1 to 10', isUnknown: false })
  expect(outcomeOf({ __typename: 'OrderDenied', message: 'too large' })).toMatchObject({ words: 'Denied: too large' })
  expect(outcomeOf({ __typename: 'IdempotencyConflict', message: 'used before' })).toMatchObject({ isDone: false })
})

test('anything else was done', () => {
  expect(outcomeOf({ __typename: 'OrderAccepted' })).toEqual({ isDone: true, value: { __typename: 'OrderAccepted' } })
})

test('a command answers what became of it', async () => {
  const { service, asked } = serviceThatHears(() => Promise.resolve({ updateConfig: { __typename: 'ConfigUpdated' } }))
  expect(await service.changeSetting('max_concurrent_orders', '5', 3, 'why not')).toMatchObject({ isDone: true })
  expect(asked).toEqual([{ key: 'max_concurrent_orders', value: '5', version: 3, reason: 'why not' }])
})

test('without an answer it is not known, and nothing is thrown', async () => {
  const { service } = serviceThatHears(() => Promise.reject(new OperationFailed('The engine does not answer.')))
  expect(await service.cancelOrder('ord_1')).toEqual({ isDone: false, words: 'The engine does not answer.', isUnknown: true })
  expect(await service.verifyAudit()).toMatchObject({ isDone: false, isUnknown: true })
  expect(await service.previewOrder({ clientOrderId: 'x', symbol: 'IBM', side: 'BUY', type: 'MARKET', quantity: '1' })).toBeNull()
})

test('a stop names its scope and target', async () => {
  const { service, asked } = serviceThatHears(() => Promise.resolve({ emergencyStop: { __typename: 'EmergencyStopReport' } }))
  await service.stopTrading({ scope: 'SYMBOL', target: 'IBM' }, 'wild', true)
  expect(asked).toEqual([{ scope: 'SYMBOL', target: 'IBM', reason: 'wild', flatten: true }])
})
