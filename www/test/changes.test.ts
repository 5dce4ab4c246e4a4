// The differences between two plans: in what they delete, and in their members.
import { expect, test } from 'vitest'
import type { Plan } from '../src/core'
import { changes, deletedOnlyBy } from '../src/state/changes'

const request = { version: 1, recordTypes: ['conversation', 'message'], query: 'queue:sales', chunking: { days: 30 } }
const text = (value: unknown): string => JSON.stringify(value, null, 2)
const found = (before: unknown, after: unknown, policies: [unknown, unknown] = [null, null]): unknown[] => {
  const policy = (value: unknown): string | null => (value === null ? null : text(value))
  return changes({ request: text(before), policy: policy(policies[0]) }, { request: text(after), policy: policy(policies[1]) })
    .map(({ inPolicy, path, before, after }) => [`${inPolicy ? 'policy: ' : ''}${path.join(' ')}`, before, after])
}

test('changed members of the request are listed with both values', () => {
  expect(found(request, { ...request, query: null, recordTypes: ['conversation'], chunking: { hours: 6 } })).toEqual([
    ['recordTypes', ['conversation', 'message'], ['conversation']], ['query', 'queue:sales', null],
    ['chunking days', 30, undefined], ['chunking hours', undefined, 6],
  ])
})

test('the order of members, white space, and null for a missing member are not differences', () => {
  expect(found({ ...request, query: null }, { chunking: { days: 30 }, recordTypes: request.recordTypes, version: 1 })).toEqual([])
})

test('a hold is recognised by its id, wherever it is in the list; a rule by its position', () => {
  const hold = (id: string, end: string) => ({ id, range: { start: '2023-01-01', end } })
  const before = { holds: [hold('A', '2023-01-05'), hold('B', '2023-02-05')], retention: [{ minAgeDays: 30 }] }
  const after = { holds: [hold('C', '2023-03-05'), hold('B', '2023-02-06'), hold('A', '2023-01-05')], retention: [{ minAgeDays: 60 }] }
  expect(found(request, request, [before, after])).toEqual([
    ['policy: holds B range end', '2023-02-05', '2023-02-06'], ['policy: holds C', undefined, hold('C', '2023-03-05')],
    ['policy: retention 1 minAgeDays', 30, 60],
  ])
  expect(found(request, request, [null, before])).toEqual([['policy: ', undefined, before]])
})

const LENGTH = 24

/** A plan whose parts begin at these instants, the first at `from`; those named in `kept` are not deleted. */
function plan(from: number, edges: readonly number[], kept: readonly number[]): Plan {
  const starts = [from, ...edges]
  return {
    starts: Float64Array.from(starts), ends: Float64Array.from([...edges, LENGTH]),
    dispositions: Uint8Array.from(starts, (_, part) => (kept.includes(part) ? 1 : 0)),
  } as unknown as Plan
}

const isDeleted = ({ starts, ends, dispositions }: Plan, at: number): boolean =>
  starts.some((start, part) => start <= at && at < (ends[part] ?? 0) && dispositions[part] === 0)

// Compared with a look at every instant.
test('windows lie exactly where one plan deletes and the other does not, and adjoining ones are one', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  const some = (): Plan => {
    const from = random(6)
    const edges = Array.from({ length: LENGTH - from - 1 }, (_, n) => from + n + 1).filter(() => random(3) === 0)
    return plan(from, edges, edges.map((_, part) => part).filter(() => random(3) === 0))
  }
  for (let round = 0; round < 300; round += 1) {
    const [one, other] = [some(), some()]
    const found = deletedOnlyBy(one, other)
    for (let at = 0; at < LENGTH; at += 1) {
      expect(found.some(([from, to]) => from <= at && at < to)).toBe(isDeleted(one, at) && !isDeleted(other, at))
    }
    for (const [place, [from, to]] of found.entries()) expect(from < to && from > (found[place - 1]?.[1] ?? -1)).toBe(true)
  }
})
