// Steps that no address can hold. They are kept here, so that undo and redo know them as they know the others.
import type { Documents } from './document'

let before: Documents[] = []
let after: Documents[] = []
/** What the latest step has, wherever it is kept. */
let latest: Documents | null = null

const same = (a: Documents, b: Documents): boolean => a.request === b.request && a.policy === b.policy

/** The address holds that: the latest step is there. */
export function noteInAddress(documents: Documents): void {
  if (latest !== null && !same(documents, latest)) after = []
  latest = documents
}

/** The address cannot hold that: it is a step here, if it is one. */
export function noteBeyond(documents: Documents): void {
  if (latest !== null && same(documents, latest)) return
  if (latest !== null) before.push(latest)
  after = []
  latest = documents
}

/** The step before, if it is one that came after those in the address. */
export const back = (now: Documents): Documents | null => move(before, after, now)
export const forth = (now: Documents): Documents | null => move(after, before, now)
export const canGoBack = (): boolean => before.length > 0
export const canGoForth = (): boolean => after.length > 0

function move(from: Documents[], to: Documents[], now: Documents): Documents | null {
  const there = from.pop()
  if (!there) return null
  to.push(now)
  latest = there
  return there
}

/** Another address is shown from now on; what no address holds can be brought back by redo. */
export function leaveAddress(now: Documents | null): void {
  before = []
  after = now ? [now] : []
  latest = null
}
