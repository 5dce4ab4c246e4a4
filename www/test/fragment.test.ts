// Addresses that hold a plan: what cannot be read is told apart from what is not there.
import { expect, test } from 'vitest'
import { decode, encode, holdsDocuments } from '../src/state/fragment'

const documents = { request: '{"name": "x"}', policy: null }

test('an address brings back what was put into it', async () => {
  expect(await decode(await encode('plan', documents))).toEqual(documents)
})

test('a part of an address holds documents that cannot be read; a view alone holds none', async () => {
  const whole = await encode('plan', documents)
  for (const hash of [whole.slice(0, -5), '#plan/1/', '#plan/1', '#plan/2/abc', '#plan/1/???']) {
    expect(await decode(hash), hash).toBeNull()
    expect(holdsDocuments(hash), hash).toBe(true)
  }
  for (const hash of ['', '#', '#watch']) expect(holdsDocuments(hash), hash).toBe(false)
})
