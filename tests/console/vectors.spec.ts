// The shared vectors and ten thousand generated plans, decided in the browser by the page's own wasm, under the page's own rules.
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import type * as Generated from '../vectors/generated'
import * as native from '../vectors/native'
import type * as Replay from '../vectors/replay'
import { expect, open, test, type Page } from './page'

type Purge = typeof import('../../www/pkg/web/purge.js')

/**
 * The scripts that the page is asked to import: the package's own JavaScript, and the two that Node runs as well, without their
 * types.
 */
const script = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const plain = (path: string): string =>
  ts.transpileModule(script(path), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText
const SCRIPTS: Record<string, () => string> = {
  'purge.js': () => script('../../www/pkg/web/purge.js'),
  'replay.js': () => plain('../vectors/replay.ts'),
  'generated.js': () => plain('../vectors/generated.ts'),
}

/** Opens the page, serves the scripts beside it, and returns the address of the wasm that the page has loaded. */
async function preparePage(page: Page): Promise<string> {
  await page.route('**/vectors/*.js', (route) => {
    const name = new URL(route.request().url()).pathname.split('/').at(-1) ?? ''
    return route.fulfill({ contentType: 'text/javascript', body: SCRIPTS[name]?.() ?? '' })
  })
  const [wasm] = await Promise.all([page.waitForResponse(/\.wasm$/), open(page)])
  return wasm.url()
}

for (const kind of native.KINDS) {
  test(`every vector of ${kind} has the same result in the browser as natively`, async ({ page }) => {
    const wasm = await preparePage(page)
    for (const [name, file] of native.filesOf(kind)) {
      const decided = await page.evaluate(async ([wasm, kind, file]) => {
        const purge = (await import(new URL('/vectors/purge.js', location.href).href)) as Purge
        await purge.default({ module_or_path: wasm })
        const { decide } = (await import(new URL('/vectors/replay.js', location.href).href)) as typeof Replay
        return decide(purge, kind, file)
      }, [wasm, kind, file] as const)
      expect(file.cases.map((one, place) => [one.name, decided[place]]), name).toEqual(file.cases.map((one) => [one.name, one.expect]))
    }
  })
}

test('ten thousand generated plans have the same digest natively and in the browser', async ({ page }) => {
  const wasm = await preparePage(page)
  const { lines, answers, ms } = await page.evaluate(async (wasm) => {
    const purge = (await import(new URL('/vectors/purge.js', location.href).href)) as Purge
    await purge.default({ module_or_path: wasm })
    const { answer, lines } = (await import(new URL('/vectors/generated.js', location.href).href)) as typeof Generated
    const all = lines()
    return { lines: all, ...answer(purge, all) }
  }, wasm)
  native.build()
  const natively = native.answer(lines).answers
  const differ = lines.filter((_, place) => answers[place] !== natively[place])
  expect(differ).toEqual([])
  expect([lines.length, answers.length, natively.length]).toEqual([10_000, 10_000, 10_000])
  console.log(`10,000 plans in Chromium: ${ms.toFixed(0)} ms, ${new Set(answers).size} different answers, no difference`)
})
