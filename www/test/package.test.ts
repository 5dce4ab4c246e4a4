// The npm package as a user would install it: packed, judged by the usual tools, and the examples in its README compiled and run.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { build } from 'vite'

const ROOT = new URL('../../', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'purge-package-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs one of this repository's tools and returns everything it prints. */
function tool(name: string, ...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin', name), args, { cwd: folder, encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

const packed = JSON.parse(
  execFileSync('npm', ['pack', join(ROOT, 'www/pkg'), '--pack-destination', folder, '--json'], { cwd: folder, encoding: 'utf8' }),
) as [{ filename: string; files: { path: string }[] }]
const tarball = join(folder, packed[0].filename)

// A folder outside this repository, so that nothing is found except what was packed.
writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}')
execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', tarball], { cwd: folder })
const readme = readFileSync(join(folder, 'node_modules/genesys-purge-wasm/README.md'), 'utf8')
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? '')

/** Compiles texts against the installed package, as strictly as possible, checking the package's types as well. */
function compile(files: Record<string, string>, options: Record<string, unknown>): { status: number | null; said: string } {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const strict = { strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, target: 'es2022' }
  const typeRoots = [join(ROOT, 'node_modules/@types')]
  const config = { compilerOptions: { ...strict, typeRoots, ...options }, files: Object.keys(files) }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return tool('tsc')
}

const FINE = { status: 0, said: '' }

/** Fails to compile if the types let a misspelt name through. */
const MISTAKE = `import { plan } from 'genesys-purge-wasm'
// @ts-expect-error: the member is called chunks
plan('{}', undefined, '{}').summary().chunk
`

test('the package has both builds, their types, the licence and the README, and nothing else', () => {
  const built = (folder: string): string[] => ['purge.d.ts', 'purge.js', 'purge_bg.wasm', 'purge_bg.wasm.d.ts'].map((name) => `${folder}/${name}`)
  expect(packed[0].files.map(({ path }) => path).sort()).toEqual(
    ['LICENSE', 'README.md', 'package.json', 'node/package.json', ...built('node'), ...built('web')].sort(),
  )
})

test('publint finds no problem', () => {
  const { status, said } = tool('publint', tarball, '--strict')
  expect(said).toContain('All good!')
  expect(status).toBe(0)
})

test('types are found wherever ES modules are supported', () => {
  const { status, said } = tool('attw', tarball, '--profile', 'esm-only', '--format', 'ascii')
  expect(status, said).toBe(0)
})

test('the first example of the README runs in Node, in at most ten lines, and its types catch a misspelt name', { timeout: 30_000 }, () => {
  const [code = ''] = examples
  expect(code.trimEnd().split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(10)
  copyFileSync(join(ROOT, 'examples/q1-2023.json'), join(folder, 'request.json'))
  expect(compile({ 'node.ts': code, 'mistake.ts': MISTAKE }, { module: 'nodenext', types: ['node'] })).toEqual(FINE)
  const said = execFileSync('node', ['node.js'], { cwd: folder, encoding: 'utf8' })
  expect(said).toMatch(/^warning policy#: no policy is given/)
  expect(said).toMatch(/\n3 chunks, [0-9a-f]{4}-[0-9a-f]{4}, sha256:[0-9a-f]{64}\n\{"filter":/)
})

test('the second example of the README can be bundled for browsers, with the wasm as a file of its own', { timeout: 30_000 }, async () => {
  const [, code = ''] = examples
  const address = "declare module '*?url' { const address: string; export default address }"
  const files = { 'web.ts': code, 'address.d.ts': address, 'mistake.ts': MISTAKE }
  expect(compile(files, { module: 'esnext', moduleResolution: 'bundler', types: [] })).toEqual(FINE)
  mkdirSync(join(folder, 'page'))
  writeFileSync(join(folder, 'page/index.html'), '<script type="module" src="../web.js"></script>')
  await build({ root: join(folder, 'page'), logLevel: 'error', configFile: false, build: { target: 'es2022' } })
  const assets = readdirSync(join(folder, 'page/dist/assets'))
  expect(assets.filter((name) => name.endsWith('.wasm'))).toHaveLength(1)
  const script = readFileSync(join(folder, 'page/dist/assets', assets.find((name) => name.endsWith('.js')) ?? ''), 'utf8')
  expect(script).not.toContain('node:fs')
})

test('the README names everything that the package exports', async () => {
  const purge = await import('../pkg/node/purge.js')
  const methods = [purge.PlanHandle, purge.Rehearsal, purge.EvidenceCheck].flatMap((kind) => Object.getOwnPropertyNames(kind.prototype))
  const names = [...Object.keys(purge), ...methods].filter((name) => !['constructor', 'PlanHandle', '__destroy_into_raw'].includes(name))
  expect(names.length).toBeGreaterThan(30)
  expect(names.filter((name) => !readme.includes(`${name}(`))).toEqual([])
})
