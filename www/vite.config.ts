import { defineConfig } from 'vite'

// The same rules as in the page's meta element, and those that only a header can set.
const headers = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

interface Modules {
  getModuleInfo: (id: string) => { isEntry: boolean; importers: readonly string[] } | null
}

/** Whether the page needs a module at once: it is the entry, or a module that is needed at once imports it. */
function atOnce(id: string, modules: Modules, seen = new Set<string>()): boolean {
  if (seen.has(id)) return false
  seen.add(id)
  const found = modules.getModuleInfo(id)
  return found !== null && (found.isEntry || found.importers.some((importer) => atOnce(importer, modules, seen)))
}

export default defineConfig({
  base: './',
  server: { fs: { allow: ['..'] } },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Together in one file, what the page needs at once is a fifteenth smaller than in the five files that it would otherwise be
    // in.
    rolldownOptions: { output: { codeSplitting: { groups: [{ debugName: 'page', name: (id, modules) => (atOnce(id, modules) ? 'page' : null) }] } } },
  },
  preview: { headers },
})
