// The ways to all views: beside the page where there is room, behind a button where there is not.
import { useState, type ReactNode } from 'react'
import { NavLink } from 'react-router'

interface View {
  readonly path: string
  readonly name: string
}

const GROUPS: readonly { readonly name: string; readonly views: readonly View[] }[] = [
  {
    name: 'Trading',
    views: [
      { path: '/', name: 'Overview' },
      { path: '/orders', name: 'Orders' },
      { path: '/positions', name: 'Positions' },
      { path: '/strategies', name: 'Strategies' },
      { path: '/risk', name: 'Risk' },
    ],
  },
  {
    name: 'Engine',
    views: [
      { path: '/trading-engine', name: 'Trading engine' },
      { path: '/alerts', name: 'Alerts' },
      { path: '/events', name: 'Events' },
      { path: '/metrics-history', name: 'Metrics' },
      { path: '/audit', name: 'Audit' },
      { path: '/configuration', name: 'Configuration' },
    ],
  },
]

export function Navigation(): ReactNode {
  const [isOpen, setOpen] = useState(false)
  return (
    <div className="lg:w-44 lg:shrink-0">
      <button type="button" className="button lg:hidden" aria-expanded={isOpen} aria-controls="views" onClick={() => setOpen(!isOpen)}>
        Menu
      </button>
      <nav
        id="views"
        aria-label="Views"
        className={`${isOpen ? 'flex' : 'hidden'} mt-3 flex-col gap-4 lg:sticky lg:top-20 lg:mt-0 lg:flex`}
        onClick={() => setOpen(false)}
      >
        {GROUPS.map((group) => (
          <div key={group.name}>
            <p className="px-3 text-xs font-semibold text-soft">{group.name}</p>
            <ul>
              {group.views.map(({ path, name }) => (
                <li key={path}>
                  <NavLink
                    to={path}
                    end={path === '/'}
                    className={({ isActive }) =>
                      `block rounded-lg px-3 py-1.5 text-sm ${isActive ? 'bg-accent-sunk font-semibold' : 'text-soft hover:text-ink'}`
                    }
                  >
                    {name}
                  </NavLink>
                </li>
              ))}
            </ul>
          </div>
        ))}
        <a className="px-3 text-sm text-soft hover:text-ink" href="graphiql">
          GraphiQL
        </a>
      </nav>
    </div>
  )
}
