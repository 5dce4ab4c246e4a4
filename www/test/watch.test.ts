// What the server refuses is shown for as long as it means something.
import { expect, test, vi } from 'vitest'
import type { RunFacts } from '../src/state/answers'
import { enter, leave, Watched } from '../src/state/watch'

vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/', hidden: false, addEventListener: () => undefined })

/** What is answered next: a refusal with its code, or a body. */
const answers: (string | object)[] = []
vi.stubGlobal('fetch', () => {
  const next = answers.shift()
  if (next === undefined) return Promise.reject(new TypeError('no connection'))
  const refused = typeof next === 'string'
  return Promise.resolve(new Response(JSON.stringify(refused ? { findings: [{ code: next, message: next }] } : next), { status: refused ? 409 : 200 }))
})

test('why an act was refused stays until the next act, whatever is asked in between', async () => {
  const run = new Watched('run-1')
  const said = (): string[] => run.problem.map(({ code }) => code)
  answers.push('run.policy', { chunks: [], next: null })
  await run.act('retry')
  await run.turn(0)
  expect(answers).toEqual([])
  expect(said()).toEqual(['run.policy'])
  await run.act('retry')
  expect(said()).toEqual(['server.silent'])
  answers.push({ run: { runId: 'run-1' } })
  await run.act('retry')
  expect(said()).toEqual([])
})

test('what the platform keeps is summed up over all chunks of recording jobs, once they have ended', async () => {
  const asked: string[] = []
  const said = { outcome: 'verified', runs: [], report: { chunks: [{ protected: 75 }, { protected: null }, { protected: 3 }] } }
  vi.stubGlobal('fetch', (url: URL) => {
    asked.push(url.pathname)
    return Promise.resolve(new Response(JSON.stringify(said)))
  })
  const sums = async (api: string, outcome: string): Promise<number> => {
    said.outcome = outcome
    const run = new Watched('run-1')
    run.facts = { standing: 'ended', api } as unknown as RunFacts
    void run.report()
    await vi.waitUntil(() => run.sums !== null)
    run.end()
    return run.protected
  }
  await enter(() => undefined)
  expect(await sums('dataDeletion', 'verified')).toBe(0)
  expect(await sums('recordingJobs', 'open')).toBe(0)
  expect(asked.filter((path) => path.endsWith('/report'))).toEqual([])
  expect(await sums('recordingJobs', 'verified')).toBe(78)
  leave()
})
