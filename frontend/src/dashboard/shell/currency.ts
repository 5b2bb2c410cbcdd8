// The one currency of the ledger; known once somebody's account is.
import { CurrencyDocument } from '../../generated/operations'
import { useAnswer } from '../use-live'

export function useCurrency(): string {
  return useAnswer(CurrencyDocument, {}, 0).data?.portfolio?.currency ?? 'USD'
}
