// The frame of every route: who is signed in, where one is, how trading and the connection are, and the stop.
import { lazy, Suspense, useEffect, useState, type ComponentType, type LazyExoticComponent, type ReactNode } from 'react'
import { Link, Route, Routes, useLocation } from 'react-router'
import markAddress from '../components/mark.svg'
import type { Session } from '../lib/session-requests'
import { LiveTradingStateDocument, WhoAmIDocument } from '../generated/operations'
import { words } from './format'
import { Overview } from './overview/overview'
import { Connection } from './shell/connection'
import { MeContext } from './shell/me'
import { Navigation } from './shell/navigation'
import { chooseTheme, chosenTheme, THEMES, type Theme } from './shell/theme'
import { StopControl } from './stop/stop-control'
import { TradingBanner, type TradingState } from './stop/trading-banner'
import { useAnswer, useLive } from './use-live'

interface AppProps {
  readonly session: Session
  readonly notice: string | null
  readonly onSignOut: () => Promise<void>
}

/** Views beside the overview, each loaded when it is first wanted. The engine serves the page at these addresses, too. */
const VIEWS: readonly { readonly path: string; readonly View: LazyExoticComponent<ComponentType> }[] = [
  { path: 'orders', View: lazy(() => import('./orders/orders-page').then((page) => ({ default: page.OrdersPage }))) },
  { path: 'orders/:id', View: lazy(() => import('./orders/order-page').then((page) => ({ default: page.OrderPage }))) },
  { path: 'positions', View: lazy(() => import('./positions/positions-page').then((page) => ({ default: page.PositionsPage }))) },
  { path: 'strategies', View: lazy(() => import('./strategies/strategies-page').then((page) => ({ default: page.StrategiesPage }))) },
  { path: 'strategies/:id', View: lazy(() => import('./strategies/strategy-page').then((page) => ({ default: page.StrategyPage }))) },
  { path: 'risk', View: lazy(() => import('./risk/risk-page').then((page) => ({ default: page.RiskPage }))) },
  { path: 'trading-engine', View: lazy(() => import('./engine-status/trading-engine-page').then((page) => ({ default: page.TradingEnginePage }))) },
  { path: 'alerts', View: lazy(() => import('./alerts/alerts-page').then((page) => ({ default: page.AlertsPage }))) },
  { path: 'events', View: lazy(() => import('./events/events-page').then((page) => ({ default: page.EventsPage }))) },
  { path: 'events/:id', View: lazy(() => import('./events/event-page').then((page) => ({ default: page.EventPage }))) },
  { path: 'metrics-history', View: lazy(() => import('./metrics/metrics-page').then((page) => ({ default: page.MetricsPage }))) },
  { path: 'audit', View: lazy(() => import('./audit/audit-page').then((page) => ({ default: page.AuditPage }))) },
  { path: 'configuration', View: lazy(() => import('./configuration/configuration-page').then((page) => ({ default: page.ConfigurationPage }))) },
]

export function App({ session, notice, onSignOut }: AppProps): ReactNode {
  const trading = useLive(
    LiveTradingStateDocument,
    () => ({}),
    (kept: TradingState | null | undefined) => kept ?? null,
    (_, item): TradingState | null => item.tradingState,
  )
  const me = useAnswer(WhoAmIDocument, {}, session.user)
  return (
    <MeContext value={me.data?.me ?? null}>
      <div className="flex min-h-full flex-col bg-sunk text-ink">
        <header className="sticky top-0 z-10 flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-page px-4 py-2">
          <img src={markAddress} alt="" width="22" height="22" />
          <strong className="mr-2">Quantum Leap</strong>
          <Connection />
          <span className="grow" />
          {notice !== null && (
            <span role="status" className="text-sm text-warn" data-testid="session-notice">
              {notice}
            </span>
          )}
          <ThemeChoice />
          <span className="text-sm">
            <span data-testid="session-user">{session.user}</span>
            <span className="ml-2 hidden rounded-full border border-line px-2 py-0.5 text-xs text-soft xl:inline" data-testid="session-role">
              {words(session.role)}
            </span>
          </span>
          <button type="button" className="button" data-testid="sign-out" onClick={() => void onSignOut()}>
            Sign out
          </button>
          <StopControl />
        </header>
        <div className="mx-auto flex w-full max-w-[1800px] grow flex-col gap-x-4 p-4 lg:flex-row">
          <Navigation />
          <main className="mt-4 flex min-w-0 grow flex-col gap-4 lg:mt-0">
            <TradingBanner trading={trading} />
            <Suspense fallback={<p className="text-soft">Loading…</p>}>
              <Views />
            </Suspense>
          </main>
        </div>
      </div>
    </MeContext>
  )
}

function Views(): ReactNode {
  const { pathname } = useLocation()
  useEffect(() => {
    const name = words(pathname.split('/')[1] ?? '').replaceAll('-', ' ')
    document.title = name === '' ? 'Quantum Leap' : `${name} · Quantum Leap`
  }, [pathname])
  return (
    <Routes>
      <Route index element={<Overview />} />
      {VIEWS.map(({ path, View }) => (
        <Route key={path} path={path} element={<View key={pathname} />} />
      ))}
      <Route path="*" element={<NotFound />} />
    </Routes>
  )
}

function ThemeChoice(): ReactNode {
  const [theme, setTheme] = useState(chosenTheme)
  useEffect(() => chooseTheme(theme), [theme])
  return (
    <select className="field py-1 text-sm" aria-label="Colours" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
      {THEMES.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  )
}

function NotFound(): ReactNode {
  return (
    <section className="card">
      <h1 className="text-lg font-semibold">There is nothing at this address</h1>
      <p className="mt-2">
        <Link className="text-accent underline" to="/">
          To the overview
        </Link>
      </p>
    </section>
  )
}
