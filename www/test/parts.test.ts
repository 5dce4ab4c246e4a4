// A selected part stays selected while the plan changes around it.
import { expect, test } from 'vitest'
import type { Plan } from '../src/core'
import { samePart } from '../src/state/parts'

/** A plan whose parts lie between these instants. */
function plan(...edges: number[]): Plan {
  return { starts: Float64Array.from(edges.slice(0, -1)), ends: Float64Array.from(edges.slice(1)) } as unknown as Plan
}

test('a part is found again by its start and end, wherever it is; otherwise there is none', () => {
  const before = plan(0, 10, 20, 30)
  expect(samePart(before, 2, plan(0, 5, 6, 10, 20, 30))).toBe(4)
  expect(samePart(before, 1, plan(0, 10, 15, 30))).toBeNull()
  expect(samePart(before, 1, plan(0, 15, 30))).toBeNull()
  expect(samePart(before, 0, { starts: new Float64Array(), ends: new Float64Array() } as unknown as Plan)).toBeNull()
})
