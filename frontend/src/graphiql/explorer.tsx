// GraphiQL itself with our transport, tabs and live pane; loaded by page.tsx once someone is signed in.
import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import './explorer.css'
import { HISTORY_PLUGIN } from '@graphiql/plugin-history'
import { GraphiQL } from 'graphiql'
import { useMemo, type ReactNode } from 'react'
import type { Endpoints } from '../lib/endpoints'
import type { LiveClient } from '../lib/live-client'
import { EXAMPLES, readyText } from './examples'
import { createFetcher } from './fetcher'
import { createEventFeed } from './live-events/event-feed'
import { createLiveEventsPlugin } from './live-events/live-events-pane'
import { OpenExample } from './open-example'
import { createTabStorage } from './storage'

// GraphiQL gives a pane a third of the width beside it; the list of events needs less.
const PANE_WIDTH_KEY = 'graphiql:docExplorerFlex'
const PANE_WIDTH = '0.25'

interface ExplorerProps {
  readonly endpoints: Endpoints
  readonly live: LiveClient
  readonly onDoubt: () => void
}

export default function Explorer({ endpoints, live, onDoubt }: ExplorerProps): ReactNode {
  // GraphiQL starts over whenever one of these changes its identity, so they are made once per sign-in.
  const parts = useMemo(() => {
    const storage = createTabStorage(endpoints.mountPath, window.localStorage)
    if (storage.getItem(PANE_WIDTH_KEY) === null) storage.setItem(PANE_WIDTH_KEY, PANE_WIDTH)
    const livePlugin = createLiveEventsPlugin(createEventFeed(live))
    return {
      fetcher: createFetcher(endpoints.graphql, live, onDoubt),
      storage,
      plugins: [HISTORY_PLUGIN, livePlugin],
      livePlugin,
      tabs: EXAMPLES.map((example) => ({ query: readyText(example) })),
    }
    // No dependencies: the transport of a page never changes while it is open.
  }, [])

  return (
    <GraphiQL
      fetcher={parts.fetcher}
      storage={parts.storage}
      plugins={parts.plugins}
      visiblePlugin={parts.livePlugin}
      defaultTabs={parts.tabs}
      defaultEditorToolsVisibility={false}
      // No headers: the session is a cookie that scripts can't read, and a token typed here would be kept by nobody's wish.
      isHeadersEditorEnabled={false}
      shouldPersistHeaders={false}
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <OpenExample />
      </GraphiQL.Logo>
    </GraphiQL>
  )
}
