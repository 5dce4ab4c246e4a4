// A page that was opened without the token of the server that hosts it.
import { beforeEach, expect, test, vi } from 'vitest'

beforeEach(() => {
  vi.resetModules()
  vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/' })
})

test.each([
  ['a server that wants a token', 401, JSON.stringify({ findings: [{ code: 'server.token', message: 'x' }] }), true],
  ['another host that lets nobody in', 401, 'no entry', false],
  ['a host of files', 404, 'not found', false],
  ['a host that answers everything with the page', 200, '<!doctype html>', false],
])('%s (status %s) is asked only once', async (_, status, body, locked) => {
  const fetched = vi.fn(() => Promise.resolve(new Response(body, { status })))
  vi.stubGlobal('fetch', fetched)
  const { isLocked, isServed, lookForServer } = await import('../src/state/served')
  const paint = vi.fn()
  await lookForServer(paint)
  await lookForServer(paint)
  expect([fetched.mock.calls.length, paint.mock.calls.length]).toEqual([1, 1])
  expect([isLocked(), isServed()]).toEqual([locked, false])
})
