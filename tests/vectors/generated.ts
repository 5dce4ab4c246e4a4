// Ten thousand requests made of numbers: the same ones wherever they are made. Imports nothing but types, so that it can be served to
// a page as it is.
type Package = Pick<typeof import('../../www/pkg/web/purge.js'), 'plan'>

export const COUNT = 10_000

/** Numbers that look random and are always the same (Lehmer, 48271). */
function* numbers(seed: number): Generator<number> {
  for (let value = seed; ; ) {
    value = (value * 48271) % 2147483647
    yield value
  }
}

const DAY = 86_400_000

/** A line for each plan: the request's text and, after a tab, the policy's, if there is one. */
export function lines(): string[] {
  const source = numbers(20261123)
  const below = (bound: number): number => source.next().value! % bound
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const instant = (ms: number): string => new Date(ms).toISOString()
  return Array.from({ length: COUNT }, () => {
    const jobs = below(3) === 0
    const start = Date.UTC(2015, 0, 1) + below(4000) * DAY + (below(4) === 0 ? below(DAY) : 0)
    const end = start + (below(400) - 2) * DAY + (below(4) === 0 ? below(DAY) : 0)
    const request = JSON.stringify({
      version: 1,
      name: pick(['q', 'Löschlauf', '削除', '"quoted" \\ \u{1f600}']),
      api: jobs ? 'recordingJobs' : 'dataDeletion',
      recordTypes: jobs ? ['recording'] : [pick(['conversation', 'interaction', 'message'])],
      range: { start: instant(start), end: instant(end) },
      jurisdiction: pick(['us-east-1', 'eu-west-1', 'eu-central-1', 'nowhere']),
      query: below(5) === 0 ? 'media:voice' : null,
      chunking: below(4) === 0 ? { hours: 1 + below(48) } : { days: 1 + below(31) },
      reason: 'generated',
      requestedBy: 'a@example.com',
    })
    if (below(2) === 0) return request
    const holds = Array.from({ length: below(4) }, (_, place) => {
      const from = start + (below(420) - 10) * DAY + below(DAY)
      return {
        id: `LH-${place}`,
        range: { start: instant(from), end: instant(from + 1 + below(30 * DAY)) },
        ...(below(3) === 0 ? { recordTypes: [pick(['conversation', 'message', 'recording'])] } : {}),
      }
    })
    const retention = Array.from({ length: below(3) }, () => ({
      recordTypes: [pick(['conversation', 'interaction', 'message', 'recording'])], minAgeDays: 1 + below(4000), basis: 'generated',
    }))
    return `${request}\t${JSON.stringify({ version: 1, holds, retention })}`
  })
}

export interface Answers {
  /** Of every line: the plan's digest, or the codes of what stops it. */
  answers: string[]
  ms: number
}

/** Plans every line with the package that is given. */
export function answer(purge: Package, lines: readonly string[]): Answers {
  const started = performance.now()
  const answers = lines.map((line) => {
    const [request, policy] = line.split('\t')
    const handle = purge.plan(request ?? '', policy, '{"now":"2026-11-23T12:00:00Z"}')
    const { digest, findings } = handle.summary()
    handle.free()
    return digest ?? findings.map((finding) => finding.code).join(' ')
  })
  return { answers, ms: performance.now() - started }
}
