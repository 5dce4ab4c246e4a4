// The compressed size of the page (brotli). Fails when it exceeds its limits.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const KB = 1024
const dist = new URL('dist/', import.meta.url).pathname
const sizes = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.br'))
  .map((entry) => [entry.name.slice(0, -3), statSync(join(entry.parentPath, entry.name)).size])
const of = (pattern) => sizes.filter(([name]) => pattern.test(name)).reduce((sum, [, size]) => sum + size, 0)

// Loaded at once: the wasm, and everything that index.html names.
const html = readFileSync(join(dist, 'index.html'), 'utf8')
const atOnce = (name) => name === 'index.html' || html.includes(name) || name.endsWith('.wasm')
const initial = sizes.filter(([name]) => atOnce(name)).reduce((sum, [, size]) => sum + size, 0)

const limits = [
  // All of it: planning, the simulated world, and every check that `verify` makes. The aim is 120 KB.
  ['wasm', of(/\.wasm$/), 202 * KB],
  ['page as first loaded', initial, 240 * KB],
]
let exceeded = false
for (const [what, size, limit] of limits) {
  const verdict = size === 0 ? 'missing' : size <= limit ? 'ok' : 'too much'
  exceeded ||= verdict !== 'ok'
  console.log(`${what.padEnd(32)} ${(size / KB).toFixed(1).padStart(7)} KB of ${limit / KB} KB  ${verdict}`)
}
process.exitCode = exceeded ? 1 : 0
