// Legal holds and retention rules as rows of a spreadsheet, pasted or dropped. Only the shape is read here: what a cell says is
// for core to judge, so that one judge finds everything.
import { cells, type Unread } from './counts'
import { instant, number, type Json } from './document'
import { t } from '../texts'

export type Kind = 'holds' | 'retention'

export interface Pasted {
  kind: Kind
  rows: Json[]
  unread: Unread[]
}

const HOLD = ['id', 'from', 'to', 'matter', 'recordTypes', 'conversationIds', 'query'] as const
const RULE = ['recordTypes', 'minAgeDays', 'basis', 'jurisdiction'] as const
type Field = (typeof HOLD)[number] | (typeof RULE)[number]

const NAMES: [RegExp, Field][] = [
  [/^(id|hold|holdid|reference|ref|name)$/, 'id'],
  [/^(from|start|begin|since|rangestart)$/, 'from'],
  [/^(to|end|until|before|rangeend)$/, 'to'],
  [/^(matter|case|description)$/, 'matter'],
  [/^(types?|recordtypes?|records?)$/, 'recordTypes'],
  [/^(conversations?|conversationids?)$/, 'conversationIds'],
  [/^query$/, 'query'],
  [/^(days|minagedays|minage|minimumage|keep|keepdays)$/, 'minAgeDays'],
  [/^(basis|law|schedule)$/, 'basis'],
  [/^(jurisdiction|region)$/, 'jurisdiction'],
]

/** Rows of a spreadsheet or a JSON list; `wanted` says what they are when no heading does. */
export function readRows(text: string, wanted: Kind): Pasted {
  const trimmed = text.replace(/^\uFEFF/, '').trim()
  if (trimmed === '') return { kind: wanted, rows: [], unread: [] }
  if (/^[[{]/.test(trimmed)) return fromJson(trimmed, wanted)
  const lines = trimmed.split(/\r\n|\r|\n/)
  const separator = ['\t', ';', ',', '|'].find((mark) => lines.some((line) => cells(line, mark).length > 1)) ?? '\t'
  const head = cells(lines[0] ?? '', separator).map(fieldOf)
  const hasHead = head.filter((field) => field !== null).length >= Math.min(2, head.length)
  const kind: Kind = hasHead ? (head.includes('minAgeDays') || head.includes('basis') ? 'retention' : 'holds') : wanted
  const columns: readonly (Field | null)[] = hasHead ? head : kind === 'holds' ? HOLD : RULE
  const [rows, unread]: [Json[], Unread[]] = [[], []]
  for (const [place, line] of lines.entries()) {
    if (line.trim() === '' || (hasHead && place === 0)) continue
    const row = cells(line, separator)
    if (row.length > columns.length) unread.push({ line: place + 1, text: line.slice(0, 80), why: t.policy.tooManyCells(columns.length) })
    else rows.push(kind === 'holds' ? hold(row, columns) : rule(row, columns))
  }
  return { kind, rows, unread }
}

function fromJson(text: string, wanted: Kind): Pasted {
  try {
    const value = JSON.parse(text) as Json
    const inside = (name: Kind): Json | undefined => (value && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined)
    const kind = Array.isArray(value) || inside(wanted) !== undefined ? wanted : wanted === 'holds' ? 'retention' : 'holds'
    const list = Array.isArray(value) ? value : (inside(kind) ?? [value])
    return { kind: list === value || inside(kind) !== undefined ? kind : wanted, rows: Array.isArray(list) ? list : [list], unread: [] }
  } catch (why) {
    return { kind: wanted, rows: [], unread: [{ line: 1, text: text.slice(0, 80), why: t.volume.notJson(String(why)) }] }
  }
}

function fieldOf(name: string): Field | null {
  const plain = name.toLowerCase().replaceAll(/[^a-z]/g, '')
  return NAMES.find(([pattern]) => pattern.test(plain))?.[1] ?? null
}

const words = (text: string): string[] => text.split(/[\s,;|]+/).filter((word) => word !== '')

function hold(row: string[], columns: readonly (Field | null)[]): Json {
  const cell = (field: Field): string => row[columns.indexOf(field)] ?? ''
  const range = { ...(cell('from') ? { start: instant(cell('from')) } : {}), ...(cell('to') ? { end: instant(cell('to')) } : {}) }
  return {
    id: cell('id'),
    ...(cell('matter') ? { matter: cell('matter') } : {}),
    ...(Object.keys(range).length > 0 ? { range } : {}),
    ...(cell('recordTypes') ? { recordTypes: words(cell('recordTypes')) } : {}),
    ...(cell('conversationIds') ? { conversationIds: words(cell('conversationIds')) } : {}),
    ...(cell('query') ? { query: cell('query') } : {}),
  }
}

function rule(row: string[], columns: readonly (Field | null)[]): Json {
  const cell = (field: Field): string => row[columns.indexOf(field)] ?? ''
  return {
    recordTypes: words(cell('recordTypes')),
    minAgeDays: number(cell('minAgeDays')),
    basis: cell('basis'),
    ...(cell('jurisdiction') ? { jurisdiction: cell('jurisdiction') } : {}),
  }
}
