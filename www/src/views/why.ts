// What a chunk waits for, and what went wrong: the same text wherever chunks are listed.
import { t, type Shared } from '../texts/runs'
import type { ChunkView } from '../types'

/** For example `a retry after 2 failures: the service is not available`; empty when there is nothing to say. */
export function why(view: ChunkView, known: Shared = {}): string {
  const waits = view.outcome === null && view.wait !== null ? t.wait(view.wait, known) : ''
  return [waits, view.cause?.message ?? ''].filter((text) => text !== '').join(': ')
}
