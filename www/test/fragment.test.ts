// Addresses that hold a plan. An unreadable plan is told apart from no plan.
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decode, encode, holdsDocuments } from '../src/state/fragment'

const documents = { request: '{"name": "x"}', policy: null }

test('an address gives back the documents that were put into it', async () => {
  expect(await decode((await encode('plan', documents)) ?? '')).toEqual(documents)
  // Characters of several bytes, and more text than is unpacked at a time.
  const policy = Array.from({ length: 20_000 }, (_, n) => `ü${n}`).join('\n')
  const long = { request: '{"name": "日本"}', policy }
  expect(await decode((await encode('plan', long)) ?? '')).toEqual(long)
})

test('a truncated address holds unreadable documents; an address with only a view holds none', async () => {
  const whole = (await encode('plan', documents)) ?? ''
  for (const hash of [whole.slice(0, -5), '#plan/1/', '#plan/1', '#plan/2/abc', '#plan/1/???']) {
    expect(await decode(hash), hash).toBeNull()
    expect(holdsDocuments(hash), hash).toBe(true)
  }
  for (const hash of ['', '#', '#watch']) expect(holdsDocuments(hash), hash).toBe(false)
})

test('an address that unpacks to too much is not read, and none is written', async () => {
  const address = (size: number): string => `#plan/1/${deflateRawSync(JSON.stringify([' '.repeat(size), null])).toString('base64url')}`
  const [most, more] = [address(19_000_000), address(21_000_000)]
  expect(more.length).toBeLessThan(50_000)
  expect((await decode(most))?.request).toHaveLength(19_000_000)
  expect(await decode(more)).toBeNull()
  expect(await encode('plan', { request: ' '.repeat(21_000_000), policy: null })).toBeNull()
})
