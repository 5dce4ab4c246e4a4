// The edits that are too large for the address, kept here so that undo and redo can step through them like any other.
import type { Documents } from './document'

let before: Documents[] = []
let after: Documents[] = []
/** The documents of the latest step, wherever it is kept. */
let latest: Documents | null = null

const same = (a: Documents, b: Documents): boolean => a.request === b.request && a.policy === b.policy

/** Notes that the latest step is in the address. */
export function noteInAddress(documents: Documents): void {
  if (latest !== null && !same(documents, latest)) after = []
  latest = documents
}

/** Notes that the address cannot hold these documents: they become a step here, unless they are the latest one already. */
export function noteBeyond(documents: Documents): void {
  if (latest !== null && same(documents, latest)) return
  if (latest !== null) before.push(latest)
  after = []
  latest = documents
}

/** The step before, if it came after those in the address. */
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

/** Forgets all steps, as another address is shown from now on. `now` are documents that no address holds; redo brings them back. */
export function leaveAddress(now: Documents | null): void {
  before = []
  after = now ? [now] : []
  latest = null
}
