// Compares the page's types of the answers of `genesys-purge serve` with what the real server answers, by means of the compiler.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import ts from 'typescript'
import type { Answers, Events } from '../../www/src/state/answers'
import { expect, test, type Page } from './page'
import { carryOut, enter, serve, stopServers } from './server'

test.afterEach(stopServers)

/** The second submit is refused, and a look at a deletion is rate limited, so that there are causes, waits and different outcomes. */
const UNEASY = {
  dataDeletion: { processingSeconds: 2 },
  faults: [
    { on: 'submit', nth: [2], do: { kind: 'error', status: 400 } },
    { on: 'status', nth: [1], do: { kind: 'rateLimited', retryAfter: '1' } },
  ],
}

/** Asks the server as the page does, from the page, and returns the answer as text. */
const ask = (page: Page, path: string, body: unknown = undefined): Promise<string> =>
  page.evaluate(async ([path, body]) => {
    const headers = { authorization: `Bearer ${sessionStorage.getItem('genesys-purge.token')}`, 'content-type': 'application/json' }
    const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
    return (await fetch(`/api${path}`, init)).text()
  }, [path, body] as const)

/** Everything in a run's stream from its beginning up to the first beat. */
const readStream = (page: Page, path: string): Promise<[name: string, data: string][]> =>
  page.evaluate(async (path) => {
    const headers = { authorization: `Bearer ${sessionStorage.getItem('genesys-purge.token')}`, 'last-event-id': '0.0' }
    const { body } = await fetch(`/api${path}`, { headers })
    const reader = body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
    let text = ''
    while (!text.includes('event: beat')) {
      const { done, value } = await reader.read()
      if (done) break
      text += value
    }
    await reader.cancel()
    return [...text.matchAll(/^event: (\w+)\nid: .*\ndata: (.*)$/gm)].map(([, name, data]) => [name!, data!] as [string, string])
  }, path)

/** The type at every depth, but with other members allowed: the page does not read all of them. */
const HEAD = `import type { Answers, Events } from '../../../../www/src/state/answers'
type Open<T> = T extends readonly (infer U)[] ? Open<U>[] : T extends object ? { [K in keyof T]: Open<T[K]> } & { [other: string]: unknown } : T
`

/** The compiler's complaints about each of these declarations, each in a file of its own. */
function complaints(declarations: readonly string[]): string[][] {
  const folder = new URL('results/answers/', import.meta.url).pathname
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = declarations.map((declaration, place) => {
    const file = `${folder}${place}.ts`
    writeFileSync(file, `${HEAD}export const said: ${declaration}\n`)
    return file
  })
  const config = new URL('../../www/tsconfig.json', import.meta.url).pathname
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, `${config}/..`)
  const program = ts.createProgram(files, { ...options, noUnusedLocals: false })
  return files.map((file) => {
    const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(file))
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  })
}

/** Differences that must be noticed. */
const DRIFTS = [
  ['"standing":', '"stands":'],
  ['"standing":"ended"', '"standing":"over"'],
  ['"cancelAsked":null', '"cancelAsked":false'],
  ['"cancelAskedBy":null', '"cancelAskedBy":0'],
  ['"kind":"rateLimited"', '"kind":"throttled"'],
  ['"exitCode":', '"exit":'],
  ['"slots":null', '"slots":[]'],
  ['"requestsPerMinute":', '"perMinute":'],
  ['"state":"rejected"', '"state":"refused"'],
] as const

test('the page’s types of the server’s answers match the server', async ({ page, complaints: heard }) => {
  test.setTimeout(120_000)
  const server = await serve(UNEASY)
  await enter(page, server)
  await carryOut(page)
  const { runs } = JSON.parse(await ask(page, '/runs')) as Answers['runs']
  const run = `/runs/${runs[0]?.runId}`

  const said: [type: string, json: string][] = []
  const answer = async (name: keyof Answers, path: string, body?: unknown): Promise<void> => {
    said.push([`Answers['${name}']`, await ask(page, path, body)])
  }
  // Once while the run is under way, and once more after it has ended.
  await answer('run', run)
  await answer('chunks', `${run}/chunks?kind=all&after=0&limit=10`)
  for (const [name, data] of await readStream(page, `${run}/events`)) said.push([`Events['${name as keyof Events}']`, data])
  await expect.poll(async () => (JSON.parse(await ask(page, run)) as Answers['run']).run.evidence).not.toBeNull()
  await answer('server', '/server')
  await answer('runs', '/runs')
  await answer('run', run)
  await answer('chunks', `${run}/chunks?kind=attention&after=0&limit=10`)
  await answer('audit', `${run}/audit?last=2000`)
  await answer('sums', `${run}/sums`)
  await answer('report', `${run}/report`)
  await answer('evidence', `${run}/evidence`)
  await answer('problem', `${run}/cancel`, { with: 'a field that nobody knows' })
  await answer('problem', '/runs/run-0000000000000000')
  await answer('changed', `${run}/retry`, { askedBy: 'ann@example.com' })
  // The browser itself reports the two refusals.
  expect(heard.splice(0)).toHaveLength(2)

  const kinds = new Set(said.map(([type]) => type))
  const all: (keyof Answers)[] = ['server', 'runs', 'run', 'chunks', 'audit', 'sums', 'report', 'evidence', 'changed', 'problem']
  for (const name of all) expect(kinds).toContain(`Answers['${name}']`)
  for (const name of ['chunk', 'record', 'run', 'beat']) expect(kinds).toContain(`Events['${name}']`)

  const declared = said.map(([type, json]) => `Open<${type}> = ${json}`)
  const drifted = DRIFTS.map(([from, to]) => declared.find((text) => text.includes(from))?.replace(from, to) ?? '')
  const found = complaints([...declared, ...drifted])
  expect(found.slice(0, declared.length).flat()).toEqual([])
  expect(found.slice(declared.length).map((list, place) => [DRIFTS[place], list.length > 0])).toEqual(DRIFTS.map((drift) => [drift, true]))
})
