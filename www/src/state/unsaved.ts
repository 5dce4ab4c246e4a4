// What was typed in the last moment before a reload, when the address could not follow any more.
import type { Documents } from './document'

const KEY = 'genesys-purge.unsaved'

/** Keeps it for the same address in the same tab. */
export function keepUnsaved(hash: string, { request, policy }: Documents): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([hash, request, policy]))
  } catch {
    // A browser that keeps nothing shows what the address says.
  }
}

/** The page is still as it was: nothing was lost, so nothing is to come back. */
export function dropUnsaved(): void {
  try {
    sessionStorage.removeItem(KEY)
  } catch {
    // A browser that keeps nothing has nothing to drop.
  }
}

/** What was kept for this address, once. */
export function takeUnsaved(hash: string): Documents | null {
  try {
    const [at, request, policy] = JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as unknown[]
    dropUnsaved()
    if (at !== hash || typeof request !== 'string') return null
    return { request, policy: typeof policy === 'string' ? policy : null }
  } catch {
    return null
  }
}
