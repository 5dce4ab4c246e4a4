// Edits made right before a reload, when the address could not be updated any more.
import type { Documents } from './document'
import { keep, recall } from './kept'

const NAME = 'unsaved'

/** Keeps them for the same address in the same tab. */
export function keepUnsaved(hash: string, { request, policy }: Documents): void {
  keep(NAME, [hash, request, policy])
}

/** Drops the copy, once it has been taken or the page turned out to be intact. */
export function dropUnsaved(): void {
  keep(NAME, null)
}

/** What was kept for this address. It can be taken once. */
export function takeUnsaved(hash: string): Documents | null {
  const [at, request, policy] = (recall(NAME) ?? []) as unknown[]
  dropUnsaved()
  if (at !== hash || typeof request !== 'string') return null
  return { request, policy: typeof policy === 'string' ? policy : null }
}
