// Lanes: which chunk is where, and which bars follow. The same for rehearsals and watched runs.
import { expect, test } from 'vitest'
import { Lanes } from '../src/state/lanes'
import { attempts, Tracks, type Bar, type Snapshot } from '../src/state/tracks'

const seen = (state: Snapshot['state'], more: Partial<Snapshot> = {}): Snapshot => ({ state, wait: null, outcome: null, ...more })
const ended = seen('verified', { outcome: 'verified' })
const short = ({ lane, chunk, from, to, phase, why }: Bar): unknown[] => [lane, chunk, from, to, phase, why]

test('the next chunk takes a free lane, and a retried chunk returns to its lane', () => {
  const tracks = new Tracks()
  for (const [chunk, at, view] of [
    [1, 0, seen('counting')], [2, 0, seen('counting')], [2, 5, seen('failed', { outcome: 'failed' })], [1, 6, ended],
    [2, 8, seen('counting')], [3, 9, seen('counting')], [4, 9, seen('counting')],
  ] as const) tracks.note(chunk, at, view)
  expect(tracks.bars.map(({ chunk, lane }) => [chunk, lane])).toEqual([[1, 0], [2, 1], [2, 1], [1, 0], [2, 1], [3, 0], [4, 2]])
  expect(tracks.lanes).toBe(3)
  expect(tracks.idle).toBe(false)
})

test('a running bar grows, a finished one does not, and a status check starts no new bar', () => {
  const tracks = new Tracks()
  tracks.note(1, 0, seen('submitting'))
  tracks.note(1, 3, seen('deleting', { wait: { kind: 'jobPending', percent: null } }))
  tracks.note(1, 5, seen('deleting'))
  tracks.note(1, 7, seen('deleting', { wait: { kind: 'backoff', attempt: 1 } }))
  tracks.extendTo(9)
  tracks.note(1, 10, ended)
  tracks.extendTo(20)
  expect(tracks.bars.map(short)).toEqual([
    [0, 1, 0, 3, 'submit', 'submitting'], [0, 1, 3, 7, 'delete', 'jobPending'], [0, 1, 7, 10, 'wait', 'backoff'], [0, 1, 10, 10, 'end', 'verified'],
  ])
  expect(tracks.idle).toBe(true)
})

test('each attempt at a chunk covers its own time, without the time between attempts', () => {
  const tracks = new Tracks()
  for (const [chunk, at, view] of [
    [1, 0, seen('submitting')], [2, 0, seen('submitting')], [2, 4, seen('rejected', { outcome: 'rejected' })], [3, 5, seen('submitting')],
    [1, 6, seen('deleting')], [2, 90, seen('submitting')], [1, 92, ended], [2, 95, ended], [3, 99, ended],
  ] as const) tracks.note(chunk, at, view)
  const of = attempts(tracks.bars)
  const told = [...new Set(of.values())].map((attempt) => tracks.bars.filter((bar) => of.get(bar) === attempt).map(({ chunk, lane, from }) => [chunk, lane, from, attempt.to]))
  expect(told).toEqual([
    [[1, 0, 0, 92], [1, 0, 6, 92], [1, 0, 92, 92]],
    [[2, 1, 0, 4], [2, 1, 4, 4]],
    [[3, 1, 5, 99], [3, 1, 99, 99]],
    [[2, 2, 90, 95], [2, 2, 95, 95]],
  ])
})

test('chunks that are queued again take a lane when their turn comes', () => {
  const lanes = new Lanes('dataDeletion')
  const note = (at: number, chunk: number, kind: string, status: 'queued' | 'rejected'): void => lanes.note({
    position: 0,
    record: { chunk, attempt: 1, timestamp: new Date(at).toISOString(), status, event: status === 'rejected' ? { kind, outcome: status } : { kind } },
  })
  for (const chunk of [1, 2, 3]) {
    note(chunk * 10, chunk, 'started', 'queued')
    note(chunk * 10 + 5, chunk, 'finished', 'rejected')
  }
  const bars = lanes.bars.length
  for (const chunk of [1, 2, 3]) note(50, chunk, 'retried', 'queued')
  expect([lanes.lanes, lanes.bars.length]).toEqual([1, bars])
  note(60, 1, 'started', 'queued')
  expect([lanes.lanes, lanes.bars.length]).toEqual([1, bars + 1])
})
