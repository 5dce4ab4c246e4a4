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

/** What was kept for this address, once. */
export function takeUnsaved(hash: string): Documents | null {
  try {
    const [at, request, policy] = JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as unknown[]
    sessionStorage.removeItem(KEY)
    if (at !== hash || typeof request !== 'string') return null
    return { request, policy: typeof policy === 'string' ? policy : null }
  } catch {
    return null
  }
}
