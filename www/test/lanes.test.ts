// Lanes: who is where, and what bars come of it. For rehearsals and for runs that are watched alike.
import { expect, test } from 'vitest'
import { Tracks, type Bar, type Seen } from '../src/state/tracks'

const seen = (state: string, more: Partial<Seen> = {}): Seen => ({ state, wait: null, outcome: null, ...more })
const ended = seen('verified', { outcome: 'verified' })
const short = ({ lane, chunk, from, to, phase, why }: Bar): unknown[] => [lane, chunk, from, to, phase, why]

test('a lane that is free is taken by the next chunk, and what is tried again goes back to where it was', () => {
  const tracks = new Tracks()
  for (const [chunk, at, view] of [
    [1, 0, seen('counting')], [2, 0, seen('counting')], [2, 5, seen('failed', { outcome: 'failed' })], [1, 6, ended],
    [2, 8, seen('counting')], [3, 9, seen('counting')], [4, 9, seen('counting')],
  ] as const) tracks.note(chunk, at, view)
  expect(tracks.bars.map(({ chunk, lane }) => [chunk, lane])).toEqual([[1, 0], [2, 1], [2, 1], [1, 0], [2, 1], [3, 0], [4, 2]])
  expect(tracks.lanes).toBe(3)
  expect(tracks.idle).toBe(false)
})

test('what is under way grows, what has ended does not, and a look at a job is no news', () => {
  const tracks = new Tracks()
  tracks.note(1, 0, seen('submitting'))
  tracks.note(1, 3, seen('deleting', { wait: { kind: 'jobPending', percent: null } }))
  tracks.note(1, 5, seen('deleting'))
  tracks.note(1, 7, seen('deleting', { wait: { kind: 'backoff', attempt: 1 } }))
  tracks.until(9)
  tracks.note(1, 10, ended)
  tracks.until(20)
  expect(tracks.bars.map(short)).toEqual([
    [0, 1, 0, 3, 'submit', 'submitting'], [0, 1, 3, 7, 'delete', 'jobPending'], [0, 1, 7, 10, 'wait', 'backoff'], [0, 1, 10, 10, 'end', 'verified'],
  ])
  expect(tracks.idle).toBe(true)
})
