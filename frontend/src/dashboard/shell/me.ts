// Who is signed in and what they may do; every view that offers a command asks.
import { createContext, useContext } from 'react'
import type { Permission, WhoAmIQuery } from '../../generated/operations'

export type Me = WhoAmIQuery['me']

export const MeContext = createContext<Me | null>(null)

export interface Rights {
  /** Null until the engine has said who this is. */
  readonly userId: string | null
  readonly seesAll: boolean
  may(permission: Permission): boolean
}

export function useRights(): Rights {
  const me = useContext(MeContext)
  const may = (permission: Permission): boolean => me?.permissions.includes(permission) ?? false
  return { userId: me?.id ?? null, seesAll: may('VIEW_ALL'), may }
}
