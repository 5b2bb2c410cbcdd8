// Where the server's endpoints are, seen from a page; called once by each page's main file.

export interface Endpoints {
  readonly graphql: string
  readonly graphqlSocket: string
  readonly session: string
  /** Path of the mount, with a trailing slash; tells apart two engines served from one origin. */
  readonly mountPath: string
}

/** Derive every endpoint from the page's own address, since the application can be mounted below any path. */
export function endpointsOf(pageAddress: string): Endpoints {
  const mount = new URL('.', pageAddress)
  const socket = new URL('graphql', mount)
  socket.protocol = mount.protocol === 'https:' ? 'wss:' : 'ws:'
  return {
    graphql: new URL('graphql', mount).href,
    graphqlSocket: socket.href,
    session: new URL('session', mount).href,
    mountPath: mount.pathname,
  }
}
