// The same work natively and in wasm, in one run: wasm may take at most twice as long.
import { expect, test } from 'vitest'
import * as native from '../../tests/vectors/native'
import { plan } from '../pkg/node/purge.js'

const AT_MOST = 2
const ROUNDS = 15

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

// Half of the work is SHA-256. For a fair comparison, the native program does it without the processor's instructions for it, which
// wasm does not have. The program that uses them is measured as well.
test.each([
  ['ten years of hours', '2014-01-01T00:00:00Z', { hours: 1 }, 3],
  ['three years of days', '2021-01-01T00:00:00Z', { days: 1 }, 100],
])(`planning %s takes at most ${AT_MOST} times as long here as natively`, { timeout: 600_000, retry: 2 }, (_, start, chunking, times) => {
  const request = JSON.stringify({
    version: 1, name: 'speed', api: 'dataDeletion', recordTypes: ['conversation'], range: { start, end: '2024-01-01T00:00:00Z' },
    jurisdiction: 'us-east-1', query: null, chunking, reason: 'speed', requestedBy: 'a@example.com',
  })
  const lines = Array.from({ length: times }, () => request)
  const builds = [native.WITHOUT_SHA, native.RELEASED]
  builds.forEach((build) => native.build(build))
  const here = (): number => {
    const started = performance.now()
    for (const line of lines) plan(line, undefined, '{"now":"2026-11-23T12:00:00Z"}').free()
    return performance.now() - started
  }
  // Gives V8 time to compile it as well as it can.
  for (let round = 0; round < 3; round += 1) here()
  // In turns, again and again, so that other load on the machine falls on all of them.
  const rounds = Array.from({ length: ROUNDS }, () => [here(), ...builds.map((build) => native.answer(lines, build).ms)] as const)
  const ms = (nth: number): string => (median(rounds.map((round) => round[nth]!)) / times).toFixed(2)
  const ratio = (nth: number): number => median(rounds.map((round) => round[0] / round[nth]!))
  console.log(`a plan: ${ms(0)} ms here, ${ms(1)} ms natively (${ratio(1).toFixed(2)} times), ${ms(2)} ms with the processor's SHA-256 (${ratio(2).toFixed(2)} times)`)
  expect(ratio(1)).toBeLessThanOrEqual(AT_MOST)
})
