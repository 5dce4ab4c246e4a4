// The same requests, natively and in wasm: the same digests, and not much slower.
import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { plan } from '../pkg/node/purge.js'

const ROOT = new URL('../../', import.meta.url).pathname
const COUNT = 10_000

/** Numbers that look random and are always the same (Lehmer, 48271). */
function* numbers(seed: number): Generator<number> {
  for (let value = seed; ; ) {
    value = (value * 48271) % 2147483647
    yield value
  }
}

function requests(): string[] {
  const source = numbers(20261123)
  const below = (bound: number): number => source.next().value! % bound
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  return Array.from({ length: COUNT }, () => {
    const jobs = below(3) === 0
    const start = Date.UTC(2015, 0, 1) + below(4000) * 86_400_000 + (below(4) === 0 ? below(86_400_000) : 0)
    const end = start + (below(400) - 2) * 86_400_000 + (below(4) === 0 ? below(86_400_000) : 0)
    return JSON.stringify({
      version: 1,
      name: pick(['q', 'Löschlauf', '削除', '"quoted" \\ \u{1f600}']),
      api: jobs ? 'recordingJobs' : 'dataDeletion',
      recordTypes: jobs ? ['recording'] : [pick(['conversation', 'interaction', 'message'])],
      range: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
      jurisdiction: pick(['us-east-1', 'eu-west-1', 'eu-central-1', 'nowhere']),
      query: below(5) === 0 ? 'media:voice' : null,
      chunking: below(4) === 0 ? { hours: 1 + below(48) } : { days: 1 + below(31) },
      reason: 'generated',
      requestedBy: 'a@example.com',
    })
  })
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

test(`${COUNT} generated plans have the same digest natively and here`, { timeout: 600_000 }, () => {
  execFileSync('cargo', ['build', '--quiet', '--locked', '--release', '-p', 'purge-wasm', '--example', 'digests'], { cwd: ROOT, stdio: 'inherit' })
  const lines = requests()
  const native = (): { answers: string[]; ms: number } => {
    const done = spawnSync(`${ROOT}target/release/examples/digests`, { input: `${lines.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 26 })
    return { answers: done.stdout.trimEnd().split('\n'), ms: Number(done.stderr) }
  }
  const here = (): { answers: string[]; ms: number } => {
    const started = performance.now()
    const answers = lines.map((line) => {
      const handle = plan(line, undefined, '{"now":"2026-11-23T12:00:00Z"}')
      const { digest, findings } = handle.summary()
      handle.free()
      return digest ?? findings.map((finding) => finding.code).join(' ')
    })
    return { answers, ms: performance.now() - started }
  }
  const first = here()
  expect(first.answers).toEqual(native().answers)
  expect(first.answers.filter((answer) => answer.startsWith('sha256:')).length).toBeGreaterThan(COUNT / 3)
  const [wasmMs, nativeMs] = [median([1, 2, 3].map(() => here().ms)), median([1, 2, 3].map(() => native().ms))]
  console.log(`${COUNT} plans: wasm ${wasmMs.toFixed(0)} ms, native ${nativeMs.toFixed(0)} ms, ${(wasmMs / nativeMs).toFixed(2)} times`)
})
