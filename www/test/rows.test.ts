// Rows of a spreadsheet for the policy: no hold is silently lost, and none is made up.
import { expect, test } from 'vitest'
import { readCounts } from '../src/state/counts'
import { decodeText, isGarbled } from '../src/state/decode'
import { readRows } from '../src/state/rows'
import { instant } from '../src/format'

const week = { start: '2023-02-10T00:00:00.000Z', end: '2023-02-17T00:00:00.000Z' }
const lines = (text: string, kind: 'holds' | 'retention' = 'holds'): number[] => readRows(text, kind).unread.map(({ line }) => line)

test('a row with more cells than headings is listed as unread', () => {
  const { rows, unread } = readRows('hold,from,to,matter\nLH-1,2023-02-10,2023-02-17,Doe\nLH-2,2023-03-01,2023-03-08,Roe, Smith and others', 'holds')
  expect(rows).toHaveLength(1)
  expect(unread).toEqual([{ line: 3, text: 'LH-2,2023-03-01,2023-03-08,Roe, Smith and others', why: expect.stringContaining('more than 4 cells') as string }])
})

test('a quoted cell holds line breaks, quotes and the separator', () => {
  const { rows, unread } = readRows('hold,from,to,matter\r\nLH-1,2023-02-10,2023-02-17,"Doe v.\r\n""Example"", Inc."\r\nLH-2,2023-02-10,2023-02-17,5" disks\r\n', 'holds')
  expect(unread).toEqual([])
  expect(rows).toEqual([{ id: 'LH-1', matter: 'Doe v. "Example", Inc.', range: week }, { id: 'LH-2', matter: '5" disks', range: week }])
})

test('line numbers are those of the file, counting blank lines and line breaks in quotes', () => {
  expect(lines('\nhold,from\n\n"LH\n1",2023-02-10\n\na,b,c')).toEqual([7])
})

test('rows inside an unclosed quote are listed as unread', () => {
  const { rows, unread } = readRows('hold,matter\nLH-1,"Doe\nLH-2,Roe', 'holds')
  expect(rows).toEqual([])
  expect(unread).toEqual([{ line: 2, text: 'LH-1,"Doe\nLH-2,Roe', why: 'it opens a quote that is never closed' }])
})

test('the separator is that of the first row, whatever separators a matter contains', () => {
  expect(readRows('hold,from,to,matter\nLH-1,2023-02-10,2023-02-17,Doe; Roe', 'holds')).toEqual({
    kind: 'holds', rows: [{ id: 'LH-1', matter: 'Doe; Roe', range: week }], unread: [],
  })
  expect(readRows('LH-1,2023-02-10,2023-02-17,Doe; Roe', 'holds').rows).toEqual([{ id: 'LH-1', matter: 'Doe; Roe', range: week }])
  expect(readRows('hold;from;to;matter\nLH-1;2023-02-10;2023-02-17;Doe, Roe', 'holds').rows).toEqual([{ id: 'LH-1', matter: 'Doe, Roe', range: week }])
})

test('unknown headings are listed as unread; headings of dates are understood', () => {
  expect(readRows('ID;Start date;End date\nLH-1;2023-02-10;2023-02-17', 'holds')).toEqual({ kind: 'holds', rows: [{ id: 'LH-1', range: week }], unread: [] })
  const { rows, unread } = readRows('Hold;Beginn;Ende\nLH-1;2023-02-10;2023-02-17', 'holds')
  expect(rows).toEqual([{ id: 'LH-1' }])
  expect(unread.map(({ line, text }) => [line, text])).toEqual([[1, 'Beginn'], [1, 'Ende']])
  expect(readRows('hold,from,jurisdiction\nLH-1,2023-02-10,us-east-1', 'holds').unread.map(({ text }) => text)).toEqual(['jurisdiction'])
  expect(readRows('hold,name,from\nLH-1,Doe,2023-02-10', 'holds').unread.map(({ text }) => text)).toEqual(['name'])
  expect(lines('hold,from,\nLH-1,2023-02-10,\nLH-2,2023-02-10,note')).toEqual([3])
})

test('an empty first cell does not shift the others', () => {
  expect(readRows('\t2023-02-10\t2023-02-17', 'holds').rows).toEqual([{ id: '', range: week }])
})

test('counts are read by the same rules as rows', () => {
  const { buckets, unread } = readCounts('day,note,count\n2023-01-01,"a; b\nc",7\n# nothing\n2023-01-02,x;y,8')
  expect(unread).toEqual([])
  expect(buckets.map(({ count }) => count)).toEqual([7, 8])
})

test('rows are what was asked for unless a heading says otherwise', () => {
  const rules = readRows('Reference;Record type;Retention (days);Legal basis\n7b;conversation;730;law', 'retention')
  expect([rules.kind, rules.rows, rules.unread.map(({ text }) => text)]).toEqual(
    ['retention', [{ recordTypes: ['conversation'], minAgeDays: 730, basis: 'law' }], ['Reference']])
  expect(readRows('Reference;Record type\n7b;conversation', 'retention').kind).toBe('retention')
  expect(readRows('Reference;From;To\nLH-1;2023-02-10;2023-02-17', 'retention').kind).toBe('holds')
  expect(readRows('Hold;Record types\nLH-1;message', 'retention').kind).toBe('holds')
  expect(readRows('Hold;From;To;Matter;Legal basis\nLH-1;2023-02-10;2023-02-17;Doe;law', 'holds').kind).toBe('holds')
})

test('record types are understood as people and the page itself write them; other words are left to core', () => {
  const kinds = (text: string): unknown => readRows(`LH-1\t\t\t\t${text}`, 'holds').rows.map((row) => (row as { recordTypes?: unknown }).recordTypes)[0]
  expect(kinds('Recordings, conversations; messages')).toEqual(['recording', 'conversation', 'message'])
  expect(kinds('screen recordings, Screen Recording, screenRecording')).toEqual(['screenRecording', 'screenRecording', 'screenRecording'])
  expect(kinds('recording calls')).toEqual(['recording', 'calls'])
  expect(readRows('Interactions\t730\tlaw', 'retention').rows).toEqual([{ recordTypes: ['interaction'], minAgeDays: 730, basis: 'law' }])
})

test('a row with unreadable characters is never added', () => {
  const latin = new TextDecoder().decode(Buffer.from('hold;from;to;matter\nLH-1;2023-02-10;2023-02-17;Müller\nLH-2;2023-02-10;2023-02-17;Roe', 'latin1'))
  const { rows, unread } = readRows(latin, 'holds')
  expect(rows).toEqual([{ id: 'LH-2', matter: 'Roe', range: week }])
  expect(unread.map(({ line, why }) => [line, why])).toEqual([[2, expect.stringContaining('UTF-8')]])
  expect(readRows('[{"id": "M\uFFFDller"}, {"id": "x"}]', 'holds')).toMatchObject({ rows: [{ id: 'x' }], unread: [{ line: 1 }] })
  expect(readCounts('2023-01-01,5\n2023-01-02\0,7').unread.map(({ line }) => line)).toEqual([2])
})

test('a file is read in the encoding that its byte order mark names', () => {
  const text = 'hold\tMüller'
  const bytes = (encoding: 'utf16le' | 'utf8'): Uint8Array => new Uint8Array(Buffer.from(`\uFEFF${text}`, encoding))
  const swapped = new Uint8Array(Buffer.from(`\uFEFF${text}`, 'utf16le').swap16())
  for (const one of [bytes('utf16le'), swapped, bytes('utf8'), new Uint8Array(Buffer.from(text))]) expect(decodeText(one)).toBe(text)
  expect([isGarbled(text), isGarbled(decodeText(new Uint8Array(Buffer.from(text, 'latin1')))), isGarbled('\x89PNG\0')]).toEqual([false, true, true])
})

test('a count with more cells than there are columns is not read', () => {
  for (const text of ['2023-01-01 1 204', '2023-01-01,1,204', 'day,count\n2023-01-01,1,204', 'day count\n2023-01-01 1 204']) {
    const { buckets, unread } = readCounts(text)
    expect(buckets, text).toEqual([])
    expect(unread.map(({ why }) => why), text).toEqual([expect.stringContaining('more than 2 cells')])
  }
  expect(readCounts('2023-01-01,7,,').buckets).toHaveLength(1)
  expect(readCounts('day,queue,count\n2023-01-01,sales,7').buckets).toHaveLength(1)
})

test('only times of the years 0001 to 9999 are read', () => {
  const bad = '[[9000000000000000, 5], [253402300800000, 5], ["0000-01-01", 5], ["0000-12", 5], ["0000-05-05T05:00Z", 5]]'
  expect(readCounts(bad)).toMatchObject({ buckets: [], unread: Array.from({ length: 5 }, () => ({})) })
  const { buckets } = readCounts('0023-02-28,1\n9999-12-31,2')
  expect(buckets.map(({ from }) => new Date(from).toISOString().slice(0, 10))).toEqual(['0023-02-28', '9999-12-31'])
  for (const { from, to } of buckets) expect(() => [instant(from), instant(to)]).not.toThrow()
})

test('neither a title nor a spreadsheet’s own line becomes a hold on everything', () => {
  const table = 'Hold;From;To;Matter\r\nLH-1;2023-02-10;2023-02-17;Doe, Roe\r\n'
  const read = { kind: 'holds', rows: [{ id: 'LH-1', matter: 'Doe, Roe', range: week }] }
  expect(readRows(`sep=;\r\n${table}`, 'holds')).toEqual({ ...read, unread: [] })
  expect(readRows(`"sep=;"\n${table}`, 'holds')).toEqual({ ...read, unread: [] })
  for (const [title, line] of [['Legal holds as of November 2026\r\n\r\n', 1], ['\nAll holds, of all matters\n', 2]] as const) {
    const { unread, ...rest } = readRows(title + table, 'holds')
    expect(rest).toEqual(read)
    expect(unread).toEqual([{ line, text: title.trim(), why: expect.stringContaining('title') as string }])
  }
  // Also without headings. A list of ids alone has no title.
  expect(readRows('Holds of 2026\nLH-1;2023-02-10;2023-02-17', 'holds')).toMatchObject({ rows: [{ id: 'LH-1', range: week }], unread: [{ line: 1 }] })
  expect(lines('Holds of 2026;;\nLH-1;2023-02-10;2023-02-17')).toEqual([1])
  expect(readRows('hold;from;to\nLH-9;;\nLH-1;2023-02-10;2023-02-17', 'holds')).toEqual({ kind: 'holds', rows: [{ id: 'LH-9' }, { id: 'LH-1', range: week }], unread: [] })
  expect(readRows('LH-1\nLH-2', 'holds')).toEqual({ kind: 'holds', rows: [{ id: 'LH-1' }, { id: 'LH-2' }], unread: [] })
  expect(lines('hold\tfrom\tto\nLH-1;2023-02-10;2023-02-17\nLH-2\t2023-02-10\t')).toEqual([2])
  expect(lines('sep=;\nLH-1,2023-02-10,2023-02-17')).toEqual([2])
})

test('a tab separates cells, whatever separators the cells contain', () => {
  expect(readRows('LH-1\t\t\t\trecording\ta, b, c, d, e', 'holds').rows).toEqual([{ id: 'LH-1', recordTypes: ['recording'], conversationIds: ['a', 'b', 'c', 'd', 'e'] }])
})

test('the parts of a whole policy that are not rows of the wanted kind are listed as unread', () => {
  const hold = { id: 'LH-1', range: week }
  const whole = { version: 1, retention: [{ minAgeDays: 365 }], holds: [hold], limits: { maxRecords: 5 }, jurisdictions: ['us-east-1'] }
  const { rows, unread } = readRows(JSON.stringify(whole), 'holds')
  expect(rows).toEqual([hold])
  expect(unread.map(({ text }) => text)).toEqual(['retention', 'limits', 'jurisdictions'])
  expect(readRows(JSON.stringify(whole), 'retention').unread.map(({ text }) => text)).toEqual(['holds', 'limits', 'jurisdictions'])
  // Nothing is lost with an empty list, and one hold alone is not a policy.
  expect(readRows(JSON.stringify({ version: 1, retention: [], holds: [hold] }), 'holds').unread).toEqual([])
  expect(readRows(JSON.stringify(hold), 'holds')).toEqual({ kind: 'holds', rows: [hold], unread: [] })
})

test('the headings of the page and of its printed sheet are understood', () => {
  for (const head of ['Hold\tMatter\tFrom, UTC\tTo, not included', 'Legal hold\tMatter\tFrom (UTC)\tTo, not included (UTC)', 'Hold\tMatter\tStart (UTC)\tEnd, not included']) {
    expect(readRows(`${head}\nLH-1\tDoe\t2023-02-10\t2023-02-17`, 'holds')).toEqual({ kind: 'holds', rows: [{ id: 'LH-1', matter: 'Doe', range: week }], unread: [] })
  }
  expect(readRows('record types\tDays\tBasis\tOnly in jurisdiction\nmessage\t1095\t7b\tus-east-1', 'retention')).toEqual({
    kind: 'retention', rows: [{ recordTypes: ['message'], minAgeDays: 1095, basis: '7b', jurisdiction: 'us-east-1' }], unread: [],
  })
})

test('a date is read year first, with any separator; ambiguous dates and times without a zone are left to core', () => {
  const starts = (...texts: string[]): unknown[] => readRows(`hold\tfrom\n${texts.map((text) => `LH\t${text}`).join('\n')}`, 'holds').rows.map((row) => (row as { range: { start: string } }).range.start)
  expect(starts('2023-02-10', '2023/02/10', '2023.02.10')).toEqual([week.start, week.start, week.start])
  const left = ['2023-02-10 05:00', '10/02/2023', '10.02.2023', '2023-02/10', '2023-02']
  expect(starts(...left)).toEqual(left)
})
