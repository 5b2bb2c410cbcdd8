// What a person can have the engine do from the dashboard. Every command answers an outcome: done, or why not in words.
import {
  AcknowledgeAlertDocument,
  ChangeSettingDocument,
  ClosePositionDocument,
  DeployDocument,
  PauseStrategyDocument,
  PlaceOrderDocument,
  PreviewOrderDocument,
  ResolveAlertDocument,
  ResumeStrategyDocument,
  ResumeTradingDocument,
  RetryEventDocument,
  StopStrategyDocument,
  StopTradingDocument,
  TakeBackOrderDocument,
  VerifyAuditDocument,
  type DeployMutationVariables,
  type HaltScope,
  type PreviewOrderMutation,
  type StopTradingMutation,
  type SubmitOrderInput,
  type VerifyAuditQuery,
} from '../generated/operations'
import type { Client, Operation } from './client'

export type Outcome<Value = unknown> =
  | { readonly isDone: true; readonly value: Value }
  /** `isUnknown`: no answer came, so it may have been done or not. */
  | { readonly isDone: false; readonly words: string; readonly isUnknown: boolean }
export type StopReport = Extract<StopTradingMutation['emergencyStop'], { __typename: 'EmergencyStopReport' }>

/** What to stop or to resume; a target goes with every scope but ALL, and USER without one is oneself. */
export interface Scope {
  readonly scope: HaltScope
  readonly target: string | null
}

const FROM_HERE = 'from the dashboard' // the reason of what nobody is asked a reason for

export interface TradingEngineService {
  stopTrading(what: Scope, reason: string, flatten: boolean): Promise<Outcome<StopReport>>
  resumeTrading(what: Scope, reason: string): Promise<Outcome>
  previewOrder(order: SubmitOrderInput): Promise<PreviewOrderMutation['previewOrder'] | null>
  placeOrder(order: SubmitOrderInput): Promise<Outcome>
  cancelOrder(id: string): Promise<Outcome>
  closePosition(symbol: string, clientOrderId: string): Promise<Outcome>
  deployStrategy(variables: DeployMutationVariables): Promise<Outcome>
  pauseStrategy(id: string): Promise<Outcome>
  resumeStrategy(id: string): Promise<Outcome>
  stopStrategy(id: string): Promise<Outcome>
  acknowledgeAlert(id: string): Promise<Outcome>
  resolveAlert(id: string, note: string): Promise<Outcome>
  retryEvent(id: string): Promise<Outcome>
  changeSetting(key: string, value: string, version: number, reason: string): Promise<Outcome>
  verifyAudit(): Promise<Outcome<VerifyAuditQuery['auditVerification']>>
}

export function createTradingEngineService(client: Client): TradingEngineService {
  /** Send a command; what its one field answers is the outcome. */
  async function command<Answer extends { readonly __typename: string }, Variables extends object, Field extends string>(
    operation: Operation<{ readonly [Key in Field]: Answer }, Variables>,
    variables: Variables,
    field: Field,
  ): Promise<Outcome<Answer>> {
    try {
      return outcomeOf((await client.ask(operation, variables))[field])
    } catch (error) {
      return withoutAnswer(error)
    }
  }
  return {
    stopTrading: async (what, reason, flatten) =>
      (await command(StopTradingDocument, { ...what, reason, flatten }, 'emergencyStop')) as Outcome<StopReport>,
    resumeTrading: (what, reason) => command(ResumeTradingDocument, { ...what, reason }, 'resumeTrading'),
    previewOrder: (order) => client.ask(PreviewOrderDocument, { input: order }).then((data) => data.previewOrder, () => null),
    placeOrder: (order) => command(PlaceOrderDocument, { input: order }, 'submitOrder'),
    cancelOrder: (id) => command(TakeBackOrderDocument, { id }, 'cancelOrder'),
    closePosition: (symbol, clientOrderId) => command(ClosePositionDocument, { symbol, clientOrderId }, 'closePosition'),
    deployStrategy: (variables) => command(DeployDocument, variables, 'deployStrategy'),
    pauseStrategy: (id) => command(PauseStrategyDocument, { id, reason: FROM_HERE }, 'pauseStrategy'),
    resumeStrategy: (id) => command(ResumeStrategyDocument, { id, reason: FROM_HERE }, 'resumeStrategy'),
    stopStrategy: (id) => command(StopStrategyDocument, { id, reason: FROM_HERE }, 'stopStrategy'),
    acknowledgeAlert: (id) => command(AcknowledgeAlertDocument, { id }, 'acknowledgeAlert'),
    resolveAlert: (id, note) => command(ResolveAlertDocument, { id, note }, 'resolveAlert'),
    retryEvent: (id) => command(RetryEventDocument, { id }, 'retryEvent'),
    changeSetting: (key, value, version, reason) => command(ChangeSettingDocument, { key, value, version, reason }, 'updateConfig'),
    verifyAudit: () =>
      client.ask(VerifyAuditDocument, {}).then(
        (data) => ({ isDone: true as const, value: data.auditVerification }),
        withoutAnswer,
      ),
  }
}

const REFUSALS: readonly string[] = ['Refused', 'OrderDenied', 'IdempotencyConflict']

/** Tell a success of a mutation from its typed refusals, all of which carry a message for people. */
export function outcomeOf<Answer extends { readonly __typename: string }>(answer: Answer): Outcome<Answer> {
  if (!REFUSALS.includes(answer.__typename)) return { isDone: true, value: answer }
  const { message } = answer as unknown as { readonly message: string }
  return { isDone: false, words: answer.__typename === 'OrderDenied' ? `Denied: ${message}` : message, isUnknown: false }
}

function withoutAnswer(error: unknown): { isDone: false; words: string; isUnknown: boolean } {
  return { isDone: false, words: (error as Error).message, isUnknown: true }
}
