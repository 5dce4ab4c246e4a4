// A run as lanes over time, from the records of its audit log: the same picture before and after a reload.
import { phaseOf, type Bar } from './rehearsal'
import type { Line } from './answers'

/** Bars that are kept: more cannot be told apart. */
const MOST = 6000

export class Lanes {
  bars: Bar[] = []
  lanes = 0
  /** When the first record that is shown was written, and the time up to which bars go. */
  begun = 0
  now = 0
  readonly lookAt = null
  /** The time that somebody chose to read; null is the latest. */
  cursor: number | null = null
  readonly marks = []
  standing = { over: true }
  readonly #api: string
  readonly #laneOf = new Map<number, number>()
  readonly #open = new Map<number, Bar>()
  readonly #busy = new Set<number>()
  /** Where an earlier attempt was. */
  readonly #before = new Map<number, number>()

  constructor(api: string) {
    this.#api = api
  }

  note({ record }: Line): void {
    const { chunk, event } = record
    // What was accepted is no longer being submitted, though the record was written by the submit.
    const state = event.kind !== 'submitted' ? record.status : this.#api === 'recordingJobs' ? 'preparing' : 'deleting'
    const at = Date.parse(record.timestamp)
    if (this.begun === 0) this.begun = at
    this.now = Math.max(this.now, at)
    const outcome = event.kind === 'finished' ? (event.outcome ?? null) : null
    const wait = event.kind === 'waiting' ? (event.reason ?? null) : null
    const phase = phaseOf({ state, wait, outcome })
    const lane = this.#lane(chunk)
    const open = this.#open.get(chunk)
    if (open) open.to = at
    if (outcome !== null) {
      this.#open.delete(chunk)
      this.#busy.delete(lane)
      this.#laneOf.delete(chunk)
      this.#before.set(chunk, lane)
      this.bars.push({ lane, chunk, from: at, to: at, phase: 'end', why: outcome })
    } else {
      const why = wait?.kind ?? state
      if (open?.phase === phase && open.why === why) return
      const bar = { lane, chunk, from: at, to: at, phase, why }
      this.bars.push(bar)
      this.#open.set(chunk, bar)
    }
    if (this.bars.length > MOST) {
      this.bars = this.bars.slice(MOST / 2)
      this.begun = this.bars[0]?.from ?? this.begun
    }
  }

  /** What is under way goes on until then. */
  until(now: number): void {
    this.standing.over = this.#open.size === 0
    if (this.standing.over) return
    this.now = Math.max(this.now, now)
    for (const bar of this.#open.values()) bar.to = this.now
  }

  /** Nobody carries the run out: what is open stands still. */
  rest(): void {
    this.standing.over = true
  }

  /** A lane is one of the places that chunks under way take. */
  #lane(chunk: number): number {
    const known = this.#laneOf.get(chunk)
    if (known !== undefined) return known
    let lane = this.#before.get(chunk) ?? 0
    if (this.#busy.has(lane)) lane = 0
    while (this.#busy.has(lane)) lane += 1
    this.#busy.add(lane)
    this.#laneOf.set(chunk, lane)
    this.lanes = Math.max(this.lanes, lane + 1)
    return lane
  }
}
