// The same requests, natively and in wasm: the same digests, and not much slower.
import { expect, test } from 'vitest'
import { answer, COUNT, lines } from '../../tests/vectors/generated'
import * as native from '../../tests/vectors/native'
import * as purge from '../pkg/node/purge.js'

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

test(`${COUNT} generated plans have the same digest natively and here`, { timeout: 600_000 }, () => {
  native.build()
  const all = lines()
  const here = () => answer(purge, all)
  const first = here()
  expect(first.answers).toEqual(native.answer(all).answers)
  expect(first.answers.filter((answer) => answer.startsWith('sha256:')).length).toBeGreaterThan(COUNT / 3)
  const [wasmMs, nativeMs] = [median([1, 2, 3].map(() => here().ms)), median([1, 2, 3].map(() => native.answer(all).ms))]
  console.log(`${COUNT} plans: wasm ${wasmMs.toFixed(0)} ms, native ${nativeMs.toFixed(0)} ms, ${(wasmMs / nativeMs).toFixed(2)} times`)
})
