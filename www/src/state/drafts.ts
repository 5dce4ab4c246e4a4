// Drafts, which stay in this browser.
import type { Documents } from './document'
import { readStored, writeStored } from './stored'

export interface Draft extends Documents {
  name: string
  saved: string
}

const KEY = 'genesys-purge.drafts.1'
const MOST = 20

export function drafts(): Draft[] {
  try {
    const list = JSON.parse(readStored('localStorage', KEY) ?? '[]') as unknown
    return Array.isArray(list) ? (list as Draft[]).filter((d) => typeof d?.request === 'string') : []
  } catch {
    return []
  }
}

/**
 * Keeps a draft and says what happened: a browser may have no room, or be set to store nothing. No draft is dropped to make room
 * for another.
 */
export function keep(draft: Draft): 'kept' | 'replaced' | 'full' | 'notKept' {
  const all = drafts()
  const others = all.filter((other) => other.name !== draft.name)
  if (others.length >= MOST) return 'full'
  if (!write([draft, ...others])) return 'notKept'
  return others.length < all.length ? 'replaced' : 'kept'
}

export function forget(name: string): boolean {
  return write(drafts().filter((draft) => draft.name !== name))
}

const write = (list: Draft[]): boolean => writeStored('localStorage', KEY, JSON.stringify(list))
