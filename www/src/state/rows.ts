// Reads legal holds and retention rules from the rows of a spreadsheet, pasted or dropped. Only the shape is read here. Core judges
// what the cells say, so that all findings come from one place.
import type { Unread } from './counts'
import { isGarbled } from './decode'
import { dateToInstant, numberOrText, type Json } from './document'
import { readTable, type TableRow } from './table'
import { t } from '../texts/dialogs'

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
  [/^(from|fromdate|start|startdate|begin|since|rangestart)$/, 'from'],
  [/^(to|todate|end|enddate|until|before|rangeend)$/, 'to'],
  [/^(matter|case|description)$/, 'matter'],
  [/^(types?|recordtypes?|records?)$/, 'recordTypes'],
  [/^(conversations?|conversationids?)$/, 'conversationIds'],
  [/^query$/, 'query'],
  [/^(days|retentiondays|minagedays|minage|minimumage|keep|keepdays)$/, 'minAgeDays'],
  [/^(basis|legalbasis|law|schedule)$/, 'basis'],
  [/^(jurisdiction|region)$/, 'jurisdiction'],
]

/** Reads rows of a spreadsheet or a JSON list. `wanted` says what they are when no heading does. */
export function readRows(text: string, wanted: Kind): Pasted {
  const given = text.replace(/^\uFEFF/, '')
  if (/^\s*[[{]/.test(given)) return fromJson(given.trim(), wanted)
  const rows = readTable(given, '')
  const place = rows.slice(0, HEAD_WITHIN).findIndex(isHead)
  const head = rows[place]
  const known = (head?.cells ?? []).map(fieldOf)
  const kind = kindOf(head?.cells ?? [], known, wanted)
  // A hold with one cell would hold everything. So a cell that stands alone above the rows is not read as a hold, but listed as
  // unread.
  const titles = head ? rows.slice(0, place) : rows.slice(0, isTitle(rows) ? 1 : 0)
  const unread: Unread[] = titles.map(({ line, text }) => ({ line, text, why: t.policy.isTitle }))
  const own: readonly (Field | null)[] = kind === 'holds' ? HOLD : RULE
  const columns = head ? readHeadings(head, own, unread) : own
  const read = rows.slice(head ? place + 1 : titles.length).flatMap((row) => {
    const why = row.cells.some(isGarbled) ? t.policy.garbled
      : row.open ? t.policy.openQuote
      : row.cells.length > columns.length ? t.policy.tooManyCells(columns.length)
      : row.cells.some((cell, at) => cell !== '' && head?.cells[at] === '') ? t.policy.noHeading
      : isUndivided(row) ? t.policy.undivided : null
    if (why === null) return [kind === 'holds' ? toHold(row.cells, columns) : toRule(row.cells, columns)]
    unread.push({ line: row.line, text: row.text, why })
    return []
  })
  return { kind, rows: read, unread }
}

/** What the rows below these headings are: what most of them belong to, or else what is wanted. Both may have ids and record types. */
function kindOf(cells: readonly string[], known: readonly (Field | null)[], wanted: Kind): Kind {
  const count = (fields: readonly Field[]): number => known.filter((field) => field !== null && fields.includes(field)).length
  const saysHold = cells.some((name) => /hold/i.test(name)) ? 1 : 0
  const holds = count(['from', 'to', 'matter', 'conversationIds', 'query']) + saysHold
  const rules = count(['minAgeDays', 'basis', 'jurisdiction'])
  return holds === rules ? wanted : holds > rules ? 'holds' : 'retention'
}

/** Headings are looked for in the first rows only, below titles. */
const HEAD_WITHIN = 5

/** Whether a row has headings: at least two known names. One is enough in the first row if it has no digits. */
function isHead({ cells, text }: TableRow, place: number): boolean {
  const named = cells.map(fieldOf).filter((field) => field !== null).length
  return named >= 2 || (named === 1 && place === 0 && !/\d/.test(text))
}

const filledCells = ({ cells }: TableRow): string[] => cells.filter((cell) => cell !== '')

/** Whether the first row is a title: one cell, with or without empty cells after it, above rows that have several. */
const isTitle = ([first, ...others]: readonly TableRow[]): boolean =>
  first !== undefined && filledCells(first).length === 1 && others.some((row) => filledCells(row).length > 1)

/** Whether a row is a single cell with separators in it, other than those of the other rows. */
const isUndivided = (row: TableRow): boolean => filledCells(row).length === 1 && /[,;|\t]/.test(filledCells(row)[0] ?? '')

/** The field of each column. A column without one is not read, and is listed as unread. */
function readHeadings(row: TableRow, own: readonly (Field | null)[], unread: Unread[]): (Field | null)[] {
  const columns: (Field | null)[] = []
  for (const name of row.cells) {
    const field = fieldOf(name)
    const mine = own.includes(field) ? field : null
    const twice = mine !== null && columns.includes(mine)
    if ((mine === null && name !== '') || twice) unread.push({ line: row.line, text: name.slice(0, 80), why: twice ? t.policy.columnTwice : t.policy.noColumn })
    columns.push(twice ? null : mine)
  }
  return columns
}

function fromJson(text: string, wanted: Kind): Pasted {
  try {
    const value = JSON.parse(text) as Json
    const inside = (name: Kind): Json | undefined => (value && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined)
    const kind = Array.isArray(value) || inside(wanted) !== undefined ? wanted : wanted === 'holds' ? 'retention' : 'holds'
    const list = Array.isArray(value) ? value : (inside(kind) ?? [value])
    const unread = otherMembers(value, kind)
    const rows = (Array.isArray(list) ? list : [list]).filter((row, place) => {
      const text = JSON.stringify(row)
      if (isGarbled(text)) unread.push({ line: place + 1, text: text.slice(0, 80), why: t.policy.garbled })
      return !isGarbled(text)
    })
    return { kind: list === value || inside(kind) !== undefined ? kind : wanted, rows, unread }
  } catch (why) {
    return { kind: wanted, rows: [], unread: [{ line: 1, text: text.slice(0, 80), why: t.volume.notJson(String(why)) }] }
  }
}

/** The other members of a policy whose rows are taken. They are left out, and listed as unread. */
function otherMembers(value: Json, kind: Kind): Unread[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value[kind] === undefined) return []
  return Object.entries(value)
    .filter(([name, held]) => name !== kind && name !== 'version' && !(Array.isArray(held) && held.length === 0))
    .map(([name]) => ({ line: 1, text: name, why: t.policy.notARow }))
}

function fieldOf(name: string): Field | null {
  // The page's own headings say more than the name: `From, UTC`, `To, not included`, `Only in jurisdiction`.
  const plain = name.toLowerCase().replaceAll(/[^a-z]/g, '').replaceAll(/^legal(?=hold)|^onlyin|notincluded|utc$/g, '')
  return NAMES.find(([pattern]) => pattern.test(plain))?.[1] ?? null
}

const words = (text: string): string[] => text.split(/[\s,;|]+/).filter((word) => word !== '')

/** Record types by core's names, also where they are written as people write them, as the page itself does: `Screen recordings`. */
const kinds = (text: string): string[] => words(text.replaceAll(/(screen)\s+(recording)/gi, '$1$2')).map((word) =>
  Object.keys(t.sentence.records).find((name) => name.toLowerCase() === word.toLowerCase().replace(/s$/, '')) ?? word)

function toHold(row: string[], columns: readonly (Field | null)[]): Json {
  const cell = (field: Field): string => row[columns.indexOf(field)] ?? ''
  const range = { ...(cell('from') ? { start: dateToInstant(cell('from')) } : {}), ...(cell('to') ? { end: dateToInstant(cell('to')) } : {}) }
  return {
    id: cell('id'),
    ...(cell('matter') ? { matter: cell('matter') } : {}),
    ...(Object.keys(range).length > 0 ? { range } : {}),
    ...(cell('recordTypes') ? { recordTypes: kinds(cell('recordTypes')) } : {}),
    ...(cell('conversationIds') ? { conversationIds: words(cell('conversationIds')) } : {}),
    ...(cell('query') ? { query: cell('query') } : {}),
  }
}

function toRule(row: string[], columns: readonly (Field | null)[]): Json {
  const cell = (field: Field): string => row[columns.indexOf(field)] ?? ''
  return {
    recordTypes: kinds(cell('recordTypes')),
    minAgeDays: numberOrText(cell('minAgeDays')),
    basis: cell('basis'),
    ...(cell('jurisdiction') ? { jurisdiction: cell('jurisdiction') } : {}),
  }
}
