// First script of the dashboard: takes a sign-in code out of the address bar, then shows the page.
import { StrictMode, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { SessionGate } from '../components/session-gate'
import { endpointsOf } from '../lib/endpoints'
import { createLiveClient } from '../lib/live-client'
import { createSessionDesk } from '../lib/session'
import { takeCode } from '../lib/sign-in-code'
import { App } from './app'
import { createClient } from './client'
import { ClientContext } from './use-live'
import { chooseTheme, chosenTheme } from './shell/theme'
import './dashboard.css'

const endpoints = endpointsOf(document.baseURI)
const desk = createSessionDesk(endpoints.session)
const onDoubt = (): void => void desk.recheck()
const live = createLiveClient(endpoints.graphqlSocket, onDoubt)
const client = createClient(endpoints.graphql, live, onDoubt)

function Page(): ReactNode {
  return (
    <SessionGate desk={desk}>
      {(session, notice) => (
        <ClientContext value={client}>
          <BrowserRouter basename={endpoints.mountPath.replace(/\/$/, '')}>
            <App session={session} notice={notice} onSignOut={() => desk.signOut()} />
          </BrowserRouter>
        </ClientContext>
      )}
    </SessionGate>
  )
}

const code = takeCode(window.location, window.history)
window.addEventListener('hashchange', () => {
  const pasted = takeCode(window.location, window.history)
  if (pasted !== null) void desk.open(pasted)
})
desk.state.watch(() => {
  if (desk.state.get().kind !== 'signed-in') live.endAll()
})
chooseTheme(chosenTheme())
const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id "root"')
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
)
void desk.open(code)
