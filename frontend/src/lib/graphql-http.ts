// One GraphQL operation over HTTP, sent exactly once; called by GraphiQL's fetcher.

export interface GraphQLRequest {
  readonly query: string
  readonly operationName?: string | null | undefined
  readonly variables?: unknown
}

export interface GraphQLAnswer {
  readonly status: number
  readonly body: unknown
  /** What the server's clock said (milliseconds of the epoch, to a second), or null where it did not say. */
  readonly serverMs: number | null
}

/** Send an operation and answer what came back. Never repeats: a mutation whose answer was lost may have run. */
export async function postOperation(address: string, request: GraphQLRequest): Promise<GraphQLAnswer> {
  const response = await fetch(address, {
    method: 'POST',
    credentials: 'same-origin',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
    },
    body: JSON.stringify(request),
  })
  const text = await response.text()
  const said = Date.parse(response.headers.get('date') ?? '')
  const about = { status: response.status, serverMs: Number.isNaN(said) ? null : said }
  try {
    return { ...about, body: JSON.parse(text) as unknown }
  } catch {
    return { ...about, body: { errors: [{ message: `The server answered ${response.status} without JSON.` }] } }
  }
}

/** Whether an answer says that nobody is signed in. */
export function deniesSession({ status, body }: Pick<GraphQLAnswer, 'status' | 'body'>): boolean {
  if (status === 401) return true
  const errors = (body as { errors?: unknown } | null)?.errors
  return Array.isArray(errors) && errors.some((error) => error?.extensions?.code === 'UNAUTHENTICATED')
}
