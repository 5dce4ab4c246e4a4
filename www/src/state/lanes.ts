// A run as lanes over time, from the records of its audit log. A reload shows the same picture.
import type { Line } from './answers'
import { Tracks, type Bar } from './tracks'

/** The most bars that are kept: more could not be told apart. */
const MOST_BARS = 6000

export class Lanes {
  /** The time of the first record that is shown, and the time up to which bars extend. */
  begun = 0
  now = 0
  readonly lookAt = null
  /** The time that the user chose to read; null is the latest. */
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
    // A chunk that is queued again, perhaps among thousands, takes a lane only when its turn comes.
    if (event.kind === 'retried') return
    // The record of an accepted submit still says that the chunk is submitting, though that is over.
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

  /** Extends the bars of everything under way to that time. */
  extendTo(now: number): void {
    this.standing.over = this.#tracks.idle
    if (this.standing.over) return
    this.now = Math.max(this.now, now)
    this.#tracks.extendTo(this.now)
  }

  /** Stops extending the bars: nothing carries the run out, so open chunks stand still. */
  stop(): void {
    this.standing.over = true
  }
}
