// The GraphiQL page: sign-in first, then bar and explorer; opened by main.ts.
import { lazy, StrictMode, Suspense, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { SessionBar } from '../components/session-bar'
import { SessionGate } from '../components/session-gate'
import { endpointsOf } from '../lib/endpoints'
import { createLiveClient } from '../lib/live-client'
import { createSessionDesk } from '../lib/session'
import { takeCode } from '../lib/sign-in-code'
import '../components/theme.css'
import '../components/pages.css'

const endpoints = endpointsOf(window.location.href)
const desk = createSessionDesk(endpoints.session)
const live = createLiveClient(endpoints.graphqlSocket, () => void desk.recheck())
const Explorer = lazy(() => import('./explorer'))

export function openPage(code: string | null): void {
  // A second link pasted into the address bar of this same page changes the fragment only; nothing is loaded anew.
  window.addEventListener('hashchange', () => {
    const pasted = takeCode(window.location, window.history)
    if (pasted !== null) void desk.open(pasted)
  })
  desk.state.watch(() => {
    if (desk.state.get().kind !== 'signed-in') live.endAll()
  })
  const root = document.getElementById('root')
  if (root === null) throw new Error('graphiql.html has no element with the id "root"')
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  )
  void desk.open(code)
}

function Page(): ReactNode {
  return (
    <SessionGate desk={desk}>
      {(session, notice) => (
        <>
          <SessionBar
            title="GraphiQL"
            session={session}
            notice={notice}
            connection={live.state}
            onSignOut={() => desk.signOut()}
          />
          <Suspense fallback={<p className="page-wait">Loading the editor…</p>}>
            <Explorer endpoints={endpoints} live={live} onDoubt={() => void desk.recheck()} />
          </Suspense>
        </>
      )}
    </SessionGate>
  )
}
