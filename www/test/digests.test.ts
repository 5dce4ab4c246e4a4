// The same requests have the same digests natively and in wasm.
import { expect, test } from 'vitest'
import { answer, COUNT, lines } from '../../tests/vectors/generated'
import * as native from '../../tests/vectors/native'
import * as purge from '../pkg/node/purge.js'

test(`${COUNT} generated plans have the same digest natively and here`, { timeout: 600_000 }, () => {
  native.build()
  const all = lines()
  const here = answer(purge, all)
  expect(here.answers).toEqual(native.answer(all).answers)
  expect(here.answers.filter((answer) => answer.startsWith('sha256:')).length).toBeGreaterThan(COUNT / 3)
})
