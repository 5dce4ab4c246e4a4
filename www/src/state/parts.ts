// What the page often asks about the parts of a plan: which part an instant is in, which number a chunk has.
import type { Plan } from '../core'
import type { Row } from '../types'

/** Why a part is kept; empty for a chunk, whose number says enough. */
export const reasonOf = ({ chunk, reason }: Row): string => (chunk === null ? reason : '')

/** The first and last instant of the range; [0, 1] while there is none. */
export function rangeOf(plan: Plan): [number, number] {
  return [plan.starts[0] ?? 0, plan.ends[plan.ends.length - 1] ?? 1]
}

/** The part that an instant is in. Parts are in order and have no gaps. */
export function partAt(plan: Plan, at: number): number | null {
  let low = 0
  let high = plan.starts.length - 1
  if (high < 0) return null
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((plan.starts[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** The part of another plan with the same beginning and end; null when there is none. */
export function samePart(plan: Plan, part: number, other: Plan): number | null {
  const there = partAt(other, plan.starts[part] ?? 0)
  return there !== null && other.starts[there] === plan.starts[part] && other.ends[there] === plan.ends[part] ? there : null
}

let chunkNumbers: { plan: Plan; before: Uint32Array } | null = null

/** The number of a part's chunk, from 1. For a kept part, that of the last chunk before it. */
export function chunkNumber(plan: Plan, part: number): number {
  if (chunkNumbers?.plan !== plan) {
    const before = new Uint32Array(plan.dispositions.length)
    let chunks = 0
    for (let at = 0; at < before.length; at += 1) {
      if (plan.dispositions[at] === 0) chunks += 1
      before[at] = chunks
    }
    chunkNumbers = { plan, before }
  }
  return chunkNumbers.before[part] ?? 0
}
