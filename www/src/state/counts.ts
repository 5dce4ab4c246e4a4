// Reads counts by time. Many formats are accepted (CSV with any separator, several shapes of JSON, the answer of an analytics
// query), but values are read strictly, and everything that cannot be read is listed with the reason.
import { t } from '../texts/dialogs'
import { isGarbled } from './decode'
import { readTable, type TableRow } from './table'

export interface Bucket {
  from: number
  to: number
  count: number
}

export interface Unread {
  /** From 1; in JSON the number of the item. */
  line: number
  text: string
  why: string
}

export interface Counts {
  buckets: Bucket[]
  unread: Unread[]
  merged: number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MOST_COUNTS = 400_000

/** A time as written: where it begins, and how long it is if its notation says so. */
interface When {
  from: number
  length: number | null
}

interface Item {
  line: number
  text: string
  when: unknown
  count: unknown
  /** Why it is not read, whatever else it contains. */
  wrong?: string
}

export function readCounts(text: string): Counts {
  const trimmed = text.replace(/^\uFEFF/, '').trim()
  if (trimmed === '') return { buckets: [], unread: [], merged: 0 }
  let items: Item[] | null = null
  if (/^[[{]/.test(trimmed)) {
    try {
      items = fromJson(JSON.parse(trimmed))
    } catch (why) {
      return { buckets: [], unread: [{ line: 1, text: trimmed.slice(0, 80), why: t.volume.notJson(String(why)) }], merged: 0 }
    }
  }
  return collect(items ?? fromTable(trimmed))
}

function collect(items: Item[]): Counts {
  const unread: Unread[] = []
  const read: (When & { count: number; line: number; text: string })[] = []
  for (const { line, text, when, count, wrong } of items.slice(0, MOST_COUNTS)) {
    const time = readTime(when)
    const number = readCount(count)
    if (wrong !== undefined) unread.push({ line, text, why: wrong })
    else if (typeof time === 'string') unread.push({ line, text, why: time })
    else if (typeof number === 'string') unread.push({ line, text, why: number })
    else read.push({ ...time, count: number, line, text })
  }
  if (items.length > MOST_COUNTS) unread.push({ line: MOST_COUNTS + 1, text: '', why: t.volume.tooMany })
  read.sort((a, b) => a.from - b.from)
  const step = stepOf(read)
  const buckets: Bucket[] = []
  let merged = 0
  for (const { from, length, count, line, text } of read) {
    const to = from + (length ?? step)
    const last = buckets.at(-1)
    if (last && last.from === from && last.to === to) {
      last.count += count
      merged += 1
    } else if (last && from < last.to) {
      unread.push({ line, text, why: t.volume.overlaps })
    } else {
      buckets.push({ from, to, count })
    }
  }
  return { buckets, unread: unread.sort((a, b) => a.line - b.line), merged }
}

/**
 * The length of times of day that have none of their own: the distance between the closest two, at most a day; an hour if there is
 * only one.
 */
function stepOf(read: readonly When[]): number {
  let step = DAY
  let several = false
  for (let at = 1; at < read.length; at += 1) {
    const gap = (read[at]?.from ?? 0) - (read[at - 1]?.from ?? 0)
    if (gap > 0) {
      step = Math.min(step, gap)
      several = true
    }
  }
  return several ? step : HOUR
}

const WHEN = /^(day|date|datum|time|timestamp|start|starttime|from|interval|period|bucket|hour|month|conversationstart)$/
const COUNT = /^(count|volume|n|total|conversations|nconversations|records|interactions|messages|anzahl|value|sum|noffered|nconnected)$/
const plainName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, '')

function fromJson(value: unknown): Item[] {
  const analytics = fromAnalytics(value)
  if (analytics) return analytics
  if (Array.isArray(value)) {
    return value.map((entry: unknown, place) => {
      const text = JSON.stringify(entry).slice(0, 80)
      if (Array.isArray(entry)) return { line: place + 1, text, when: entry[0], count: entry[1] }
      const fields = Object.entries((entry ?? {}) as Record<string, unknown>)
      const named = (which: RegExp): unknown => fields.find(([name]) => which.test(plainName(name)))?.[1]
      return { line: place + 1, text, when: named(WHEN), count: named(COUNT) }
    })
  }
  const fields = Object.entries(value as Record<string, unknown>)
  const [, inner] = fields.find(([, held]) => Array.isArray(held)) ?? []
  if (inner) return fromJson(inner)
  return fields.map(([when, count], place) => ({ line: place + 1, text: `${when}: ${JSON.stringify(count)}`.slice(0, 80), when, count }))
}

/** Reads the answer of a conversation aggregate query: groups, each with intervals, each with metrics. */
function fromAnalytics(value: unknown): Item[] | null {
  const results = (value as { results?: unknown } | null)?.results
  if (!Array.isArray(results)) return null
  const items: Item[] = []
  for (const { data } of results as { data?: { interval?: string; metrics?: { stats?: { count?: number } }[] }[] }[]) {
    for (const { interval, metrics } of data ?? []) {
      const count = metrics?.[0]?.stats?.count
      items.push({ line: items.length + 1, text: `${interval ?? ''}: ${count ?? ''}`, when: interval, count })
    }
  }
  return items.length > 0 ? items : null
}

function fromTable(text: string): Item[] {
  const rows = readTable(text, ' ').filter((row) => !row.text.startsWith('#'))
  const head = (rows[0]?.cells ?? []).map(plainName)
  const [when, count] = [head.findIndex((name) => WHEN.test(name)), head.findIndex((name) => COUNT.test(name))]
  const hasHead = when >= 0 || count >= 0 || !/\d/.test(rows[0]?.text ?? '')
  const columns = hasHead && when >= 0 && count >= 0 ? [when, count] : [0, 1]
  const most = hasHead ? head.length : 2
  return rows.slice(hasHead ? 1 : 0).map((row) => ({
    line: row.line, text: row.text, when: row.cells[columns[0] ?? 0], count: row.cells[columns[1] ?? 1], ...objectionTo(row, most),
  }))
}

/**
 * Why a row cannot be read, whatever its cells say. A row with more cells than columns may have an unquoted thousands separator, so
 * that its count would be read wrong.
 */
function objectionTo({ cells, open }: TableRow, most: number): { wrong?: string } {
  if (cells.some(isGarbled)) return { wrong: t.policy.garbled }
  if (open) return { wrong: t.policy.openQuote }
  return cells.findLastIndex((cell) => cell !== '') >= most ? { wrong: t.policy.tooManyCells(most) } : {}
}

/** The years 0001 to 9999. Others are mistakes, and no calendar shows them. */
const [FIRST, LAST] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')]

function readTime(value: unknown): When | string {
  const time = parseTime(value)
  return typeof time === 'string' || (time.from >= FIRST && time.from + (time.length ?? 1) - 1 <= LAST) ? time : t.volume.badTime
}

/** The time, in UTC unless it names an offset; otherwise the reason why it cannot be read. */
function parseTime(value: unknown): When | string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 1e11) return { from: value, length: null }
  if (typeof value !== 'string' || value.trim() === '') return t.volume.noTime
  const text = value.trim()
  const [first, second] = text.split('/')
  if (second !== undefined && second.includes('T') && first?.includes('T')) {
    const [from, to] = [instant(first), instant(second)]
    return from !== null && to !== null && to > from ? { from, length: to - from } : t.volume.badTime
  }
  const month = /^(\d{4})-(\d{2})$/.exec(text)
  if (month) {
    const [year, number] = [Number(month[1]), Number(month[2])]
    if (number < 1 || number > 12) return t.volume.badTime
    const from = midnight(year, number, 1)
    return { from, length: midnight(year, number + 1, 1) - from }
  }
  const date = /^(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})$/.exec(text)
  if (date) return onDay(Number(date[1]), Number(date[2]), Number(date[3]))
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text)
  if (dotted) return onDay(Number(dotted[3]), Number(dotted[2]), Number(dotted[1]))
  if (/^\d{1,2}\/\d{1,2}\/\d{2,4}$/.test(text)) return t.volume.ambiguous
  const from = instant(text)
  return from === null ? t.volume.badTime : { from, length: null }
}

/** `Date.UTC` takes years up to 99 as years of the last century. */
const midnight = (year: number, month: number, day: number): number => new Date(0).setUTCFullYear(year, month - 1, day)

function onDay(year: number, month: number, day: number): When | string {
  const from = midnight(year, month, day)
  const made = new Date(from)
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === day ? { from, length: DAY } : t.volume.badTime
}

/** Reads `2023-01-01T05:00Z` or `2023-01-01 05:00`, also with seconds or an offset. */
function instant(text: string): number | null {
  const found = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}(?::?\d{2})?(?::\d{2}(?:\.\d{1,9})?)?)\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i.exec(text)
  if (!found) return null
  const [, day = '', clock = '', offset = 'Z'] = found
  const time = clock.length === 2 ? `${clock}:00` : clock
  const ms = Date.parse(`${day}T${time}${/^(z|utc)$/i.test(offset) ? 'Z' : offset}`)
  return Number.isNaN(ms) ? null : ms
}

/** Reads a count: a whole number of at least 0, with or without thousands separators. */
function readCount(value: unknown): number | string {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : t.volume.badCount
  if (typeof value !== 'string' || value.trim() === '') return t.volume.noCount
  const text = value.trim()
  if (/^\d{1,15}$/.test(text)) return Number(text)
  if (/^\d{1,3}(?:[,'’\u00a0\u202f ]\d{3})+$/.test(text)) return Number(text.replaceAll(/\D/g, ''))
  return t.volume.badCount
}
