// Makes a long, sound log from a short one: the same records for more chunks, sealed anew. Shares no code with core.
import { createHash } from 'node:crypto'

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** RFC 8785 for the values that occur in records: strings, integers, booleans, null, lists, objects. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const fields = value as Record<string, unknown>
    return `{${Object.keys(fields).sort().map((name) => `${JSON.stringify(name)}:${canonical(fields[name])}`).join(',')}}`
  }
  return JSON.stringify(value)
}

type Fields = Record<string, unknown> & { plan_digest: string; chunk: number; hash: string }

export function longer(lines: string[], count: number): string {
  const records = lines.map((line) => JSON.parse(line) as Fields)
  const chain = records.filter((record) => record.chunk === 1)
  const out: string[] = []
  for (let chunk = 1; out.length < count; chunk += 1) {
    let prev = sha256(`${chain[0]?.plan_digest}/${chunk}`)
    for (const [seq, record] of chain.entries()) {
      if (out.length === count) break
      const { hash: _, ...rest } = { ...record, chunk, seq, prev }
      const hash = sha256(canonical(rest))
      out.push(canonical({ ...rest, hash }))
      prev = hash
    }
  }
  return `${out.join('\n')}\n`
}
