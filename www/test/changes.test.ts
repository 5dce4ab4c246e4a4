// The differences between two plans besides their windows.
import { expect, test } from 'vitest'
import { changes } from '../src/state/changes'

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
