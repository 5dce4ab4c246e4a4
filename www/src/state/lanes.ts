// A run as lanes over time, from the records of its audit log: the same picture before and after a reload.
import type { Line } from './answers'
import { Tracks, type Bar } from './tracks'

/** Bars that are kept: more cannot be told apart. */
const MOST_BARS = 6000

export class Lanes {
  /** When the first record that is shown was written, and the time up to which bars go. */
  begun = 0
  now = 0
  readonly lookAt = null
  /** The time that somebody chose to read; null is the latest. */
  cursor: number | null = null
  readonly marks = []
  standing = { over: true }
  readonly #api: string
  readonly #tracks = new Tracks()

  constructor(api: string) {
    this.#api = api
  }

  get bars(): Bar[] {
    return this.#tracks.bars
  }

  get lanes(): number {
    return this.#tracks.lanes
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
    this.#tracks.note(chunk, at, { state, wait, outcome })
    if (this.bars.length > MOST_BARS) {
      this.#tracks.bars = this.bars.slice(MOST_BARS / 2)
      this.begun = this.bars[0]?.from ?? this.begun
    }
  }

  /** What is under way goes on until then. */
  extendTo(now: number): void {
    this.standing.over = this.#tracks.idle
    if (this.standing.over) return
    this.now = Math.max(this.now, now)
    this.#tracks.extendTo(this.now)
  }

  /** Nobody carries the run out: what is open stands still. */
  stop(): void {
    this.standing.over = true
  }
}
