// Lengths that add up, documents that cannot be edited field by field, drafts, keys, and plan files.
import { beforeEach, expect, test, vi } from 'vitest'
import { clockBy, exactLength, length, localTime, measuredTime, parseTimeToCome } from '../src/format'
import { isUnreadable, withListItem } from '../src/state/document'
import { drafts, forget, keep } from '../src/state/drafts'
import { letterKeysOn, meaningOf, setLetterKeys, type Place, type KeyPress } from '../src/state/keymap'
import { readPlanFile } from '../src/state/planfile'
import { keep as keepHere, recall } from '../src/state/kept'
import { keepUnsaved, takeUnsaved } from '../src/state/unsaved'

function storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  const kept = new Map<string, string>()
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) }
}

beforeEach(() => {
  vi.stubGlobal('localStorage', storage())
  vi.stubGlobal('sessionStorage', storage())
})

test('a sum is shown to the millisecond, so that its parts add up', () => {
  const [hour, day] = [3_600_000, 86_400_000]
  const [chunks, held] = [87 * day + 22 * hour + 59 * 60_000 + 59_999, 2 * day + hour + 1]
  expect(exactLength(chunks)).toBe('87 d 22 h 59 min 59 s 999 ms')
  expect(exactLength(held)).toBe('2 d 1 h 1 ms')
  expect(exactLength(chunks + held)).toBe('90 d')
  expect(length(chunks)).toBe('87 d 22 h')
  expect([exactLength(0), exactLength(-1001)]).toEqual(['0 d', '-1 s 1 ms'])
})

test('a measured time is never shown as zero', () => {
  expect([0, 0.04, 0.4, 9.94, 12.3].map(measuredTime)).toEqual(['<1 ms', '<1 ms', '0.4 ms', '9.9 ms', '12 ms'])
})

test('a time on another day is shown with its date, and can be typed with one', () => {
  const now = Date.parse('2026-11-23T23:59:59.500Z')
  expect(clockBy(now - 1000, now)).toBe('23:59:58')
  expect(clockBy(now + 1000, now)).toBe('2026-11-24 00:00:00')
  expect(clockBy(now - 86_400_000, now)).toBe('2026-11-22 23:59:59')
  const due = Date.parse('2026-11-30T12:03:11Z')
  expect(parseTimeToCome(clockBy(due, now), now)).toBe(due)
  expect(parseTimeToCome('2026-11-30T12:03', now)).toBe(due - 11_000)
  expect(parseTimeToCome('2026-11-23 23:59', now)).toBeUndefined()
  expect(parseTimeToCome('2026-13-30 12:00', now)).toBeUndefined()
})

test('a document that core cannot read has no form', () => {
  const findings = [{ code: 'json.repeated', pointer: 'policy#/holds' }, { code: 'range.order', pointer: '#/range' }]
  expect(isUnreadable(findings, 'policy')).toBe(true)
  expect(isUnreadable(findings, 'request')).toBe(false)
  expect(isUnreadable([{ code: 'json.syntax', pointer: '#' }], 'request')).toBe(true)
})

test('an item is added to a list once and can be removed, whatever the list was before', () => {
  const list = (text: string): unknown => (JSON.parse(text) as { recordTypes: unknown }).recordTypes
  const one = withListItem('{"recordTypes":["conversation"]}', ['recordTypes'], 'message', true)
  expect(list(one)).toEqual(['conversation', 'message'])
  expect(list(withListItem(one, ['recordTypes'], 'message', true))).toEqual(['conversation', 'message'])
  expect(list(withListItem(one, ['recordTypes'], 'conversation', false))).toEqual(['message'])
  expect(list(withListItem('{}', ['recordTypes'], 'message', true))).toEqual(['message'])
  expect(list(withListItem('{"recordTypes":"all"}', ['recordTypes'], 'message', true))).toEqual(['message'])
})

test('no draft is dropped to make room for another, and a replaced draft is reported', () => {
  const draft = (name: string) => ({ name, saved: '', request: '{}', policy: null })
  for (let n = 1; n <= 20; n += 1) expect(keep(draft(`d${n}`))).toBe('kept')
  expect(keep(draft('one more'))).toBe('full')
  expect(drafts()).toHaveLength(20)
  expect(keep(draft('d7'))).toBe('replaced')
  forget('d3')
  expect(keep(draft('one more'))).toBe('kept')
  vi.stubGlobal('localStorage', { ...storage(), setItem: () => { throw new Error('full') } })
  expect(keep(draft('x'))).toBe('notKept')
})

test('shortcuts do nothing in a text field or behind a dialog, nor letters once they are turned off', () => {
  const key = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more })
  const place = (more: Partial<Place> = {}): Place => ({ text: false, dialog: 'none', letters: true, ...more })
  expect(meaningOf(key('e'), place())).toBe('letter')
  expect(meaningOf(key('e'), place({ text: true }))).toBeNull()
  expect(meaningOf(key('e'), place({ dialog: 'other' }))).toBeNull()
  expect(meaningOf(key('e'), place({ letters: false }))).toBeNull()
  expect(meaningOf(key('e', { altKey: true }), place())).toBeNull()
  expect(meaningOf(key('k', { ctrlKey: true }), place({ text: true, letters: false }))).toBe('palette')
  expect(meaningOf(key('k', { metaKey: true }), place({ dialog: 'palette' }))).toBe('palette')
  expect(meaningOf(key('k', { ctrlKey: true }), place({ dialog: 'other' }))).toBeNull()
  expect(meaningOf(key('z', { ctrlKey: true }), place({ letters: false }))).toBe('undo')
  expect(meaningOf(key('Z', { ctrlKey: true, shiftKey: true }), place())).toBe('redo')
  expect(meaningOf(key('y', { ctrlKey: true }), place())).toBe('redo')
  expect(meaningOf(key('s', { ctrlKey: true }), place())).toBeNull()
  expect(letterKeysOn()).toBe(true)
  setLetterKeys(false)
  expect(letterKeysOn()).toBe(false)
})

test('a plan file is split into request, policy and digest; a request is not a plan file', () => {
  expect(readPlanFile('{"version": 1, "planDigest": "sha256:00", "request": {"name": "x"}, "policy": {"holds": []}}')).toEqual({
    request: '{\n  "name": "x"\n}', policy: '{\n  "holds": []\n}', digest: 'sha256:00',
  })
  expect(readPlanFile('{"planDigest": "sha256:00", "request": {}}')?.policy).toBeNull()
  for (const text of ['{"name": "x"}', '{"planDigest": 1, "request": {}}', '{"planDigest": "x", "request": "y"}', 'x']) expect(readPlanFile(text)).toBeNull()
})

test('text typed before a reload is restored once, at the same address', () => {
  keepUnsaved('#plan/1/x', { request: '{}', policy: null })
  expect(takeUnsaved('#plan/1/x')).toEqual({ request: '{}', policy: null })
  expect(takeUnsaved('#plan/1/x')).toBeNull()
  keepUnsaved('#plan/1/x', { request: '{}', policy: 'p' })
  expect(takeUnsaved('#plan/1/y')).toBeNull()
})

test('a value stored in the tab stays until it is removed; without storage, nothing is kept', () => {
  keepHere('pin', { request: '{}', policy: null })
  expect(recall('pin')).toEqual({ request: '{}', policy: null })
  keepHere('pin', null)
  expect(recall('pin')).toBeNull()
  vi.stubGlobal('sessionStorage', undefined)
  keepHere('pin', 1)
  expect(recall('pin')).toBeNull()
})

test('a day that does not exist has no local time', () => {
  expect(localTime('2023-02-28T12:00:00Z')).not.toBe('')
  for (const text of ['2023-02-30T00:00:00.000Z', '2023-02-29T12:00:00+01:00', '2023-13-01T00:00:00Z', '2023-02-01', 'soon']) expect(localTime(text)).toBe('')
})
