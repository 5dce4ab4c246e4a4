// Compares two plans: the time that they delete, and their requests and policies member by member, because two plans may have the
// same windows and still delete different things.
import type { Plan } from '../core'
import { parseFields, type Documents, type Json } from './document'

export interface Change {
  inPolicy: boolean
  /** The names of the members that lead to it, outermost first. */
  path: string[]
  /** Undefined where there is no such member. */
  before: Json | undefined
  after: Json | undefined
}

export function changes(before: Documents, after: Documents): Change[] {
  const policy = (documents: Documents): Json | undefined => (documents.policy === null ? undefined : (parseFields(documents.policy) ?? undefined))
  return [
    ...differencesIn(parseFields(before.request) ?? undefined, parseFields(after.request) ?? undefined, []).map((one) => ({ ...one, inPolicy: false })),
    ...differencesIn(policy(before), policy(after), []).map((one) => ({ ...one, inPolicy: true })),
  ]
}

type Place = Omit<Change, 'inPolicy'>

function differencesIn(before: Json | undefined, after: Json | undefined, path: string[]): Place[] {
  const [had, has] = [members(before), members(after)]
  if (had === null || has === null) return same(before, after) ? [] : [{ path, before, after }]
  const names = [...new Set([...had.keys(), ...has.keys()])]
  return names.flatMap((name) => differencesIn(had.get(name), has.get(name), [...path, name]))
}

/**
 * The members of a value by name; those of a list by their ids or, failing that, by their places from 1. Null for a value without
 * members.
 */
function members(value: Json | undefined): Map<string, Json> | null {
  if (value === null || typeof value !== 'object') return null
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  if (!value.every((item) => item !== null && typeof item === 'object' && !Array.isArray(item))) return null
  const ids = value.map((item) => (item as { id?: Json }).id)
  const named = ids.every((id) => typeof id === 'string') && new Set(ids).size === ids.length
  return new Map(value.map((item, place) => [named ? String(ids[place]) : String(place + 1), item]))
}

/** Null counts as absent: a request without a query has `null` there. */
const same = (before: Json | undefined, after: Json | undefined): boolean => JSON.stringify(before ?? null) === JSON.stringify(after ?? null)

/** The time that one plan deletes and the other does not, as windows in order. */
export function deletedOnlyBy(one: Plan, other: Plan): [from: number, to: number][] {
  const found: [number, number][] = []
  const add = (from: number, to: number): void => {
    if (from >= to) return
    const last = found.at(-1)
    if (last?.[1] === from) last[1] = to
    else found.push([from, to])
  }
  let next = 0
  for (let at = 0; at < one.starts.length; at += 1) {
    if (one.dispositions[at] !== 0) continue
    let from = one.starts[at] ?? 0
    const to = one.ends[at] ?? 0
    while ((other.ends[next] ?? Infinity) <= from) next += 1
    for (let there = next; (other.starts[there] ?? Infinity) < to; there += 1) {
      if (other.dispositions[there] !== 0) continue
      add(from, other.starts[there] ?? 0)
      from = other.ends[there] ?? to
    }
    add(from, to)
  }
  return found
}
