// What was typed in the last moment before a reload, when the address could not follow any more.
import type { Documents } from './document'
import { keep, recall } from './kept'

const NAME = 'unsaved'

/** Keeps it for the same address in the same tab. */
export function keepUnsaved(hash: string, { request, policy }: Documents): void {
  keep(NAME, [hash, request, policy])
}

/** The page is still as it was: nothing was lost, so nothing is to come back. */
export function dropUnsaved(): void {
  keep(NAME, null)
}

/** What was kept for this address, once. */
export function takeUnsaved(hash: string): Documents | null {
  const [at, request, policy] = (recall(NAME) ?? []) as unknown[]
  dropUnsaved()
  if (at !== hash || typeof request !== 'string') return null
  return { request, policy: typeof policy === 'string' ? policy : null }
}
