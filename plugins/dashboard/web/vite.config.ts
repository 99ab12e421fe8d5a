/// <reference types="vitest/config" />
import { defineConfig } from "vite";

// A brain to talk to while developing and for `npm run preview`. Host and Origin are made the brain's own, so that cookies,
// the CSRF check and the live socket work as they do when the brain serves these files itself.
const brain = process.env.Z4J_BRAIN ?? "http://127.0.0.1:7700";
const forward = {
  target: brain,
  changeOrigin: true,
  ws: true,
  headers: { origin: brain },
};
const proxy = { "/api": forward, "/ws": forward };

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  optimizeDeps: { include: ["preact", "preact/hooks", "preact/jsx-dev-runtime", "@preact/signals", "uplot"] },
  server: { port: 5173, strictPort: false, proxy },
  preview: {
    port: 4173,
    proxy,
    // What the brain sends with a page: a breach shows here, not first in production.
    headers: {
      "Content-Security-Policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    },
  },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: "manifest.json", // scripts/size.mjs reads it
    rollupOptions: { output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js", assetFileNames: "assets/[name]-[hash][extname]" } },
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.{ts,tsx}"] },
});
