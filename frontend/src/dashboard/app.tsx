// The frame of every route: who is signed in, where one is, how trading and the connection are, and the stop.
import { lazy, Suspense, type ReactNode } from 'react'
import { NavLink, Route, Routes } from 'react-router'
import markAddress from '../components/mark.svg'
import { useCell } from '../lib/cell'
import type { ConnectionState } from '../lib/live-client'
import type { Session } from '../lib/session-requests'
import { LiveTradingStateDocument, WhoAmIDocument } from '../generated/operations'
import { relativeTime } from './format'
import { Overview } from './overview/overview'
import { StopControls } from './stop/stop-controls'
import { TradingBanner, type TradingState } from './stop/trading-banner'
import { useAnswer, useClient, useLive, useSince } from './use-live'
import { useNow } from './use-now'

const OrdersPage = lazy(() => import('./orders/orders-page').then((page) => ({ default: page.OrdersPage })))
const StrategiesPage = lazy(() => import('./strategies/strategies-page').then((page) => ({ default: page.StrategiesPage })))
const ConfigurationPage = lazy(() => import('./configuration/configuration-page').then((page) => ({ default: page.ConfigurationPage })))
const EnginePage = lazy(() => import('./engine-status/trading-engine-page').then((page) => ({ default: page.TradingEnginePage })))

interface AppProps {
  readonly session: Session
  readonly notice: string | null
  readonly onSignOut: () => Promise<void>
}

const ROUTES = [
  { path: '', name: 'Overview' },
  { path: 'orders', name: 'Orders' },
  { path: 'strategies', name: 'Strategies' },
  { path: 'trading-engine', name: 'Engine' },
  { path: 'configuration', name: 'Configuration' },
] as const

export function App({ session, notice, onSignOut }: AppProps): ReactNode {
  const trading = useLive(
    LiveTradingStateDocument,
    () => ({}),
    (kept: TradingState | null | undefined) => kept ?? null,
    (_, item): TradingState | null => item.tradingState,
  )
  const me = useAnswer(WhoAmIDocument, {}, session.user)
  return (
    <div className="flex min-h-full flex-col bg-sunk text-ink">
      <header className="sticky top-0 z-10 flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-page px-4 py-2">
        <img src={markAddress} alt="" width="22" height="22" />
        <strong className="mr-2">Quantum Leap</strong>
        <nav aria-label="Views" className="flex flex-wrap gap-1">
          {ROUTES.map(({ path, name }) => (
            <NavLink
              key={path}
              to={path === '' ? '/' : path}
              end
              className={({ isActive }) => `rounded-lg px-2.5 py-1 text-sm ${isActive ? 'bg-sunk font-semibold' : 'text-soft hover:text-ink'}`}
            >
              {name}
            </NavLink>
          ))}
          <a className="rounded-lg px-2.5 py-1 text-sm text-soft hover:text-ink" href="graphiql">
            GraphiQL
          </a>
        </nav>
        <span className="grow" />
        {notice !== null && (
          <span role="status" className="text-sm text-warn" data-testid="session-notice">
            {notice}
          </span>
        )}
        <Connection />
        <span className="text-sm">
          <span data-testid="session-user">{session.user}</span>
          <span className="ml-2 hidden rounded-full border border-line px-2 py-0.5 text-xs text-soft 2xl:inline" data-testid="session-role">
            {session.role.replaceAll('_', ' ').toLowerCase()}
          </span>
        </span>
        <button type="button" className="button" data-testid="sign-out" onClick={() => void onSignOut()}>
          Sign out
        </button>
        <StopControls trading={trading.state} permissions={me.data?.me.permissions ?? []} />
      </header>
      <main className="mx-auto flex w-full max-w-[1600px] grow flex-col gap-4 p-4">
        <TradingBanner trading={trading} />
        <Suspense fallback={<p className="text-soft">Loading…</p>}>
          <Routes>
            <Route index element={<Overview />} />
            <Route path="orders" element={<OrdersPage />} />
            <Route path="strategies" element={<StrategiesPage />} />
            <Route path="configuration" element={<ConfigurationPage />} />
            <Route path="trading-engine" element={<EnginePage />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </main>
    </div>
  )
}

const MEANING: Record<ConnectionState, string> = {
  connecting: 'connecting',
  connected: 'live',
  reconnecting: 'reconnecting',
  closed: 'not connected',
}

function Connection(): ReactNode {
  const state = useCell(useClient().connection)
  const since = useSince(state !== 'connected')
  const now = useNow()
  return (
    <span
      role="status"
      data-testid="connection-state"
      data-state={state}
      className={`rounded-full border px-2 py-0.5 text-xs ${state === 'connected' ? 'border-good text-good' : 'border-warn text-warn'}`}
    >
      {MEANING[state]}
      {since !== null && now - since > 2_000 && `, figures of ${relativeTime(since, now)}`}
    </span>
  )
}

function NotFound(): ReactNode {
  return (
    <section className="card">
      <h1 className="text-lg font-semibold">There is nothing at this address</h1>
      <p className="mt-2">
        <NavLink className="text-accent underline" to="/">
          To the overview
        </NavLink>
      </p>
    </section>
  )
}
