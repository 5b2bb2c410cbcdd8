// How the pages are built: one HTML file per page, all addresses relative, nothing fetched from elsewhere.
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The application may be mounted below a path of another one, so no address may start with "/".
  base: './',
  plugins: [react(), tailwindcss()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // Files stay files: a Content-Security-Policy then needs no data: for scripts or icons.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Monaco, the editor inside GraphiQL, is one large chunk by nature.
    chunkSizeWarningLimit: 4500,
    rolldownOptions: {
      input: { dashboard: 'index.html', graphiql: 'graphiql.html' },
      onwarn(warning, report) {
        // GraphiQL's packages carry notes for the React compiler, which has already run over them.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') report(warning)
      },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
