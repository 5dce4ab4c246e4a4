// How many records there are: counts by day or hour, as people export them, spread over the parts of a plan. They are only shown;
// no decision depends on them.
import type { Plan } from '../core'
import type { Bucket, Counts, Unread } from './counts'
import { keep, recall } from './kept'

export interface Volume {
  buckets: Bucket[]
  total: number
  unread: Unread[]
  /** Rows that were added to another of the same time, as in exports by media type. */
  merged: number
  name: string
}

/** The counts of the parts of a plan. */
export interface Spread {
  /** The records of each part; NaN where nothing was counted. */
  records: Float64Array
  /** 1 where whole buckets cover exactly the part, so that its number is a count and not an estimate. */
  exact: Uint8Array
  inChunks: number
  inChunksExact: boolean
  kept: number
}

const COUNTS = 'counts'

let volume = recall(COUNTS) as Volume | null
let spread: { plan: Plan; volume: Volume; spread: Spread } | null = null

export const current = (): Volume | null => volume

export function setVolume(name: string, { buckets, unread, merged }: Counts): Volume {
  volume = { name, buckets, unread, merged, total: buckets.reduce((sum, bucket) => sum + bucket.count, 0) }
  spread = null
  keep(COUNTS, volume)
  return volume
}

export function forgetVolume(): void {
  volume = null
  spread = null
  keep(COUNTS, null)
}

/** The counts of the parts of a plan; null when there are none. */
export function spreadOver(plan: Plan): Spread | null {
  if (volume === null || volume.buckets.length === 0) return null
  if (spread?.plan === plan && spread.volume === volume) return spread.spread
  const made = spreadCounts(plan, volume.buckets)
  spread = { plan, volume, spread: made }
  return made
}

/** A bucket that spans several parts is divided by time. Both lists are in order, so one pass suffices. */
export function spreadCounts(plan: Pick<Plan, 'starts' | 'ends' | 'dispositions'>, buckets: readonly Bucket[]): Spread {
  const { starts, ends, dispositions } = plan
  const records = new Float64Array(starts.length).fill(Number.NaN)
  const exact = new Uint8Array(starts.length)
  let [inChunks, kept, inChunksExact] = [0, 0, true]
  let first = 0
  for (let part = 0; part < starts.length; part += 1) {
    const [from, to] = [starts[part] ?? 0, ends[part] ?? 0]
    while (first < buckets.length && (buckets[first]?.to ?? 0) <= from) first += 1
    let [sum, covered, whole] = [0, 0, true]
    for (let at = first; at < buckets.length; at += 1) {
      const bucket = buckets[at]
      if (!bucket || bucket.from >= to) break
      const shared = Math.min(bucket.to, to) - Math.max(bucket.from, from)
      const length = bucket.to - bucket.from
      if (shared < length) whole = false
      sum += shared === length ? bucket.count : (bucket.count * shared) / length
      covered += shared
    }
    if (covered > 0) {
      records[part] = sum
      exact[part] = whole && covered === to - from ? 1 : 0
    }
    if (dispositions[part] === 0) {
      inChunks += sum
      inChunksExact &&= exact[part] === 1
    } else {
      kept += sum
    }
  }
  return { records, exact, inChunks, inChunksExact, kept }
}
