// The order of the table's rows: a permutation of the parts, made once per plan, column and direction.
import type { Plan } from '../core'
import type { Spread } from './volume'

export const COLUMNS = ['number', 'start', 'end', 'length', 'volume', 'calls', 'state', 'why'] as const
export type Column = (typeof COLUMNS)[number]
/** The columns that rows can be sorted by. The others follow from them or are prose. */
export const SORTABLE: readonly Column[] = ['start', 'end', 'length', 'volume', 'calls', 'state']

export interface Sort {
  by: Column
  down: boolean
}

export const NATURAL: Sort = { by: 'start', down: false }

/** The next order after a click on a column: sorted by it, or reversed if it is already. */
export function nextSort(sort: Sort, by: Column): Sort {
  return { by, down: sort.by === by ? !sort.down : by === 'volume' || by === 'length' }
}

/** Maps rows to parts; null while the rows are in the order of time. */
export function rowOrder(plan: Plan, sort: Sort, spread: Spread | null): Uint32Array | null {
  const natural = sort.by === 'start' || sort.by === 'end' || sort.by === 'number'
  if (natural && !sort.down) return null
  const rows = new Uint32Array(plan.starts.length)
  for (let row = 0; row < rows.length; row += 1) rows[row] = natural ? rows.length - 1 - row : row
  if (natural) return rows
  const key = sortKeys(plan, sort.by, spread)
  const sign = sort.down ? -1 : 1
  // Equal rows stay in the order of time. Rows without counts come last in either direction.
  return rows.sort((a, b) => {
    const [left, right] = [key[a] ?? 0, key[b] ?? 0]
    if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return a - b
    if (Number.isNaN(left)) return 1
    if (Number.isNaN(right)) return -1
    return (left - right) * sign
  })
}

function sortKeys(plan: Plan, by: Column, spread: Spread | null): ArrayLike<number> {
  if (by === 'volume') return spread?.records ?? []
  if (by === 'state') return plan.dispositions
  // All chunks of a plan take the same number of calls; kept parts take none.
  if (by === 'calls') return plan.dispositions.map((kind) => (kind === 0 ? 1 : 0))
  return plan.starts.map((start, part) => (plan.ends[part] ?? 0) - start)
}
