// Rows of a spreadsheet for the policy: no hold is lost without a word, and none is made up.
import { expect, test } from 'vitest'
import { readCounts } from '../src/state/counts'
import { readRows } from '../src/state/rows'

const week = { start: '2023-02-10T00:00:00.000Z', end: '2023-02-17T00:00:00.000Z' }
const lines = (text: string, kind: 'holds' | 'retention' = 'holds'): number[] => readRows(text, kind).unread.map(({ line }) => line)

test('a row with more cells than headings is not read, and said', () => {
  const { rows, unread } = readRows('hold,from,to,matter\nLH-1,2023-02-10,2023-02-17,Doe\nLH-2,2023-03-01,2023-03-08,Roe, Smith and others', 'holds')
  expect(rows).toHaveLength(1)
  expect(unread).toEqual([{ line: 3, text: 'LH-2,2023-03-01,2023-03-08,Roe, Smith and others', why: expect.stringContaining('more than 4 cells') as string }])
})

test('a quoted cell holds line breaks, quotes and the separator', () => {
  const { rows, unread } = readRows('hold,from,to,matter\r\nLH-1,2023-02-10,2023-02-17,"Doe v.\r\n""Example"", Inc."\r\nLH-2,2023-02-10,2023-02-17,5" disks\r\n', 'holds')
  expect(unread).toEqual([])
  expect(rows).toEqual([{ id: 'LH-1', matter: 'Doe v. "Example", Inc.', range: week }, { id: 'LH-2', matter: '5" disks', range: week }])
})

test('lines are counted as they are in the file, blank ones and those in quotes, too', () => {
  expect(lines('\nhold,from\n\n"LH\n1",2023-02-10\n\na,b,c')).toEqual([7])
})

test('a quote that nothing closes takes no rows with it unseen', () => {
  const { rows, unread } = readRows('hold,matter\nLH-1,"Doe\nLH-2,Roe', 'holds')
  expect(rows).toEqual([])
  expect(unread).toEqual([{ line: 2, text: 'LH-1,"Doe\nLH-2,Roe', why: 'a quote is opened in it and not closed' }])
})

test('the separator is that of the first row, whatever else a matter has in it', () => {
  expect(readRows('hold,from,to,matter\nLH-1,2023-02-10,2023-02-17,Doe; Roe', 'holds')).toEqual({
    kind: 'holds', rows: [{ id: 'LH-1', matter: 'Doe; Roe', range: week }], unread: [],
  })
  expect(readRows('LH-1,2023-02-10,2023-02-17,Doe; Roe', 'holds').rows).toEqual([{ id: 'LH-1', matter: 'Doe; Roe', range: week }])
  expect(readRows('hold;from;to;matter\nLH-1;2023-02-10;2023-02-17;Doe, Roe', 'holds').rows).toEqual([{ id: 'LH-1', matter: 'Doe, Roe', range: week }])
})

test('headings that mean nothing here are named; those of a date mean what they say', () => {
  expect(readRows('ID;Start date;End date\nLH-1;2023-02-10;2023-02-17', 'holds')).toEqual({ kind: 'holds', rows: [{ id: 'LH-1', range: week }], unread: [] })
  const { rows, unread } = readRows('Hold;Beginn;Ende\nLH-1;2023-02-10;2023-02-17', 'holds')
  expect(rows).toEqual([{ id: 'LH-1' }])
  expect(unread.map(({ line, text }) => [line, text])).toEqual([[1, 'Beginn'], [1, 'Ende']])
  expect(readRows('hold,from,jurisdiction\nLH-1,2023-02-10,us-east-1', 'holds').unread.map(({ text }) => text)).toEqual(['jurisdiction'])
  expect(readRows('hold,name,from\nLH-1,Doe,2023-02-10', 'holds').unread.map(({ text }) => text)).toEqual(['name'])
  expect(lines('hold,from,\nLH-1,2023-02-10,\nLH-2,2023-02-10,note')).toEqual([3])
})

test('a first cell that is empty does not shift the others', () => {
  expect(readRows('\t2023-02-10\t2023-02-17', 'holds').rows).toEqual([{ id: '', range: week }])
})

test('counts are read by the same rules', () => {
  const { buckets, unread } = readCounts('day,note,count\n2023-01-01,"a; b\nc",7\n# nothing\n2023-01-02,x;y,8')
  expect(unread).toEqual([])
  expect(buckets.map(({ count }) => count)).toEqual([7, 8])
})
