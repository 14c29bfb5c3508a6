import { defineConfig } from 'vite';

/** The dashboard: `vite build` writes it to dist/dashboard, from where the service serves it. */
export default defineConfig({
  root: 'src/dashboard',
  // Relative, so that the page also works under a path of a reverse proxy.
  base: './',
  publicDir: false,
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    // `npx vite` beside a running service, to work on the page.
    proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true, changeOrigin: true } },
  },
});
