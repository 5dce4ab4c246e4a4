// The same work natively and in wasm, in one run: wasm may take at most twice as long.
import { expect, test } from 'vitest'
import * as native from '../../tests/vectors/native'
import { plan } from '../pkg/node/purge.js'

const AT_MOST = 2
const ROUNDS = 15
const PLANS_A_ROUND = 5

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

test(`planning ten years of hours takes at most ${AT_MOST} times as long here as natively`, { timeout: 600_000, retry: 2 }, () => {
  const request = JSON.stringify({
    version: 1, name: 'speed', api: 'dataDeletion', recordTypes: ['conversation'],
    range: { start: '2014-01-01T00:00:00Z', end: '2024-01-01T00:00:00Z' }, jurisdiction: 'us-east-1', query: null,
    chunking: { hours: 1 }, reason: 'speed', requestedBy: 'a@example.com',
  })
  const lines = Array.from({ length: PLANS_A_ROUND }, () => request)
  native.build()
  const here = (): number => {
    const started = performance.now()
    for (const line of lines) plan(line, undefined, '{"now":"2026-11-23T12:00:00Z"}').free()
    return performance.now() - started
  }
  // Gives V8 time to compile it as well as it can.
  for (let round = 0; round < 3; round += 1) here()
  // In turns, again and again, so that other load on the machine falls on both.
  const rounds = Array.from({ length: ROUNDS }, () => [here(), native.answer(lines).ms] as const)
  const ms = (nth: 0 | 1): string => (median(rounds.map((round) => round[nth])) / PLANS_A_ROUND).toFixed(2)
  const ratio = median(rounds.map(([wasm, natively]) => wasm / natively))
  console.log(`a plan: ${ms(0)} ms here, ${ms(1)} ms natively (${ratio.toFixed(2)} times)`)
  expect(ratio).toBeLessThanOrEqual(AT_MOST)
})
