// The server's refusals are shown for as long as they mean something.
import { expect, test, vi } from 'vitest'
import { Watched } from '../src/state/watch'

vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/', hidden: false, addEventListener: () => undefined })

/** The next answers: a refusal by its code, or a body. */
const answers: (string | object)[] = []
vi.stubGlobal('fetch', () => {
  const next = answers.shift()
  if (next === undefined) return Promise.reject(new TypeError('no connection'))
  const refused = typeof next === 'string'
  return Promise.resolve(new Response(JSON.stringify(refused ? { findings: [{ code: next, message: next }] } : next), { status: refused ? 409 : 200 }))
})

test('the reason for a refusal stays until the next action, whatever is requested in between', async () => {
  const run = new Watched('run-1')
  const said = (): string[] => run.problem.map(({ code }) => code)
  answers.push('run.policy', { chunks: [], next: null })
  await run.act('retry')
  await run.showAfter(0)
  expect(answers).toEqual([])
  expect(said()).toEqual(['run.policy'])
  await run.act('retry')
  expect(said()).toEqual(['server.silent'])
  answers.push({ run: { runId: 'run-1' } })
  await run.act('retry')
  expect(said()).toEqual([])
})
