// Finds where a subscription has to go on after a lost connection; called by live-client.ts for every item.
import { Kind, parse } from 'graphql'

/** The cursor a result leaves behind: of an event, of a refresh, or of a subscriber that fell behind. */
export function cursorOf(result: { data?: unknown }): string | null {
  const roots = Object.values((result.data ?? {}) as Record<string, unknown>)
  for (const root of roots) {
    const item = root as { cursor?: unknown; resumeAfter?: unknown } | null
    if (typeof item?.resumeAfter === 'string') return item.resumeAfter
    if (typeof item?.cursor === 'string') return item.cursor
  }
  return null
}

/** Whether the operation can be continued: it declares a variable named `after`. */
export function takesCursor(query: string, operationName: string | null): boolean {
  return parse(query).definitions.some(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (operationName === null || definition.name?.value === operationName) &&
      (definition.variableDefinitions ?? []).some(({ variable }) => variable.name.value === 'after'),
  )
}
