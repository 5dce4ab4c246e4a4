// Assigns chunks to lanes and records what each does since when: the bars of a rehearsal and of a watched run.
import type { ChunkState, ChunkView, WaitReason } from '../types'

export type Phase = 'check' | 'submit' | 'wait' | 'delete' | 'verify' | 'end'

export interface Bar {
  lane: number
  chunk: number
  from: number
  to: number
  phase: Phase
  why: string
}

/** Whether a chunk stands still while it waits for this. */
const STANDS_STILL: Record<WaitReason['kind'], boolean> = {
  rateLimited: true, backoff: true, requestBudget: true, slotBusy: true, confirmingSubmit: true, indexLag: true, coolOff: true,
  jobPending: false, inFlight: false,
}
const PHASES: Partial<Record<ChunkView['state'], Phase>> = {
  queued: 'check', checkingHolds: 'check', counting: 'check', submitting: 'submit', executing: 'submit', preparing: 'submit',
  deleting: 'delete', verifying: 'verify', collectingFailures: 'verify', waitingForSlot: 'wait', confirmingSubmit: 'wait',
  cancelling: 'submit',
} satisfies Record<ChunkState, Phase>

/** What is known about a chunk at some time. */
export type Snapshot = Pick<ChunkView, 'state' | 'wait' | 'outcome'>

function phaseOf({ state, wait, outcome }: Snapshot): Phase {
  if (outcome !== null) return 'end'
  if (wait && STANDS_STILL[wait.kind]) return 'wait'
  return PHASES[state] ?? 'check'
}

/** One attempt at a chunk. */
export interface Attempt {
  /** When its last bar ends. */
  to: number
}

/** The attempt that each bar belongs to. A retry is an attempt of its own, later and perhaps in another lane. */
export function attempts(bars: readonly Bar[]): Map<Bar, Attempt> {
  const of = new Map<Bar, Attempt>()
  const open = new Map<number, Attempt>()
  for (const bar of bars) {
    const attempt = open.get(bar.chunk) ?? { to: bar.to }
    attempt.to = bar.to
    of.set(bar, attempt)
    if (bar.phase === 'end') open.delete(bar.chunk)
    else open.set(bar.chunk, attempt)
  }
  return of
}

export class Tracks {
  bars: Bar[] = []
  /** The number of lanes so far. */
  lanes = 0
  /** The current bars of the chunks under way. */
  readonly #open = new Map<number, Bar>()
  readonly #laneOf = new Map<number, number>()
  readonly #busy = new Set<number>()
  /** The lane of a chunk's earlier attempt. */
  readonly #lastLane = new Map<number, number>()

  /** Whether no chunk is under way. */
  get idle(): boolean {
    return this.#open.size === 0
  }

  note(chunk: number, at: number, seen: Snapshot): void {
    const open = this.#open.get(chunk)
    if (open) open.to = at
    const lane = this.#laneFor(chunk)
    const phase = phaseOf(seen)
    if (seen.outcome !== null) {
      this.#release(chunk, lane)
      this.bars.push({ lane, chunk, from: at, to: at, phase, why: seen.outcome })
      return
    }
    // An observation without a wait says nothing new about what the chunk waits for, so the bar keeps its reason.
    const why = seen.wait?.kind ?? (open?.phase === phase ? open.why : seen.state)
    if (open?.phase === phase && open.why === why) return
    const bar = { lane, chunk, from: at, to: at, phase, why }
    this.bars.push(bar)
    this.#open.set(chunk, bar)
  }

  /** Extends the bars of everything under way to that time. */
  extendTo(now: number): void {
    for (const bar of this.#open.values()) bar.to = now
  }

  /**
   * The chunk's lane: one of the places that running chunks occupy. A retry takes its earlier lane if that is free, otherwise the
   * first free one.
   */
  #laneFor(chunk: number): number {
    const known = this.#laneOf.get(chunk)
    if (known !== undefined) return known
    let lane = this.#lastLane.get(chunk) ?? 0
    if (this.#busy.has(lane)) lane = 0
    while (this.#busy.has(lane)) lane += 1
    this.#busy.add(lane)
    this.#laneOf.set(chunk, lane)
    this.lanes = Math.max(this.lanes, lane + 1)
    return lane
  }

  #release(chunk: number, lane: number): void {
    this.#open.delete(chunk)
    this.#busy.delete(lane)
    this.#laneOf.delete(chunk)
    this.#lastLane.set(chunk, lane)
  }
}
