// A rehearsal in progress: what has happened, and how fast virtual time passes.
import { rehearse, type Plan, type Rehearsal } from '../core'
import type { ChunkView, Happened, Reported, Standing } from '../types'
import { faultOnce, lastChunk, scenario, type Happening, type Settings } from './scenario'
import { Tracks, type Bar } from './tracks'

export const SPEEDS = [1, 10, 60, 600, 3600] as const

/** An event that the user triggers, and its time. */
export interface Mark {
  at: number
  what: Happening
  done: boolean
  /** The window that a hold keeps. */
  hold?: { start: string; end: string }
}

export interface Line {
  at: number
  chunk: number
  kind: string
  status: string
  text: string
}

/** Steps between two looks at the clock, and the milliseconds of stepping in a turn. Between turns the page can react. */
const STEPS_PER_CLOCK_CHECK = 50
const MS_PER_TURN = 12
/** Turns per picture in a run to the end: a picture of thousands of bars takes ten times as long as a turn. */
const TURNS_PER_PICTURE = 12
/** The most steps in a turn, whatever the clock says. */
const MOST_STEPS_PER_TURN = 3000
/** The most chunks that the table shows. */
export const SHOWN = 120
/** Lines of the log that are kept, at times up to twice as many. The saved log has all of them. */
const LINES_KEPT = 1000
/** Records of the log that are turned into text per turn. */
const RECORDS_PER_TURN = 1000
/** With more chunks than this, the page does not remember what each of them was like. */
const MOST_REMEMBERED = 2000

export const settings: Settings = {
  approver: 'second.person@example.com', seed: 1, jobSeconds: 20, latencyMs: 200, lagSeconds: 5, hold: { start: '', end: '' }, faults: [],
}

/** Asks the page to paint. */
let paint: () => void = () => undefined
export const onChange = (painter: () => void): void => {
  paint = painter
}

export class Playback {
  readonly code: string
  readonly views = new Map<number, ChunkView>()
  readonly lines: Line[] = []
  readonly marks: Mark[] = []
  readonly begun: number
  standing: Standing
  reported: Reported | null = null
  playing = false
  speed: number
  /** The past time that is shown; null is the present. */
  lookAt: number | null = null
  readonly api: string
  /** The base name of its files. */
  readonly name: string
  readonly #run: Rehearsal
  /** The highest-numbered chunks to which something has happened, highest first. */
  readonly #highest: number[] = []
  readonly #past = new Map<number, { at: number; view: ChunkView }[]>()
  /** When chunks ended, in order. */
  readonly #ends: number[] = []
  #lineCount = 0
  readonly #tracks = new Tracks()
  #last = 0
  #freed = false
  /** Counts the calls of `play` and `toEnd`, so that a loop from an earlier call stops. */
  #turn = 0
  #aim: number | null = null

  constructor(run: Rehearsal, begun: number, of: { code: string; api: string; name: string; speed: number }) {
    this.#run = run
    this.api = of.api
    this.name = of.name
    this.speed = of.speed
    this.begun = begun
    this.code = of.code
    this.standing = run.standing()
  }

  get bars(): Bar[] {
    return this.#tracks.bars
  }

  get lanes(): number {
    return this.#tracks.lanes
  }

  get now(): number {
    return Date.parse(this.standing.now)
  }

  /** The time that is shown: a past one, or the present. */
  get shown(): number {
    return this.lookAt ?? this.now
  }

  /** How many chunks had ended at the time that is shown. */
  get ended(): number {
    const { lookAt } = this
    return lookAt === null ? this.standing.ended : this.#ends.findLastIndex((at) => at <= lookAt) + 1
  }

  /** Whether there are too many chunks to remember what each of them was like. */
  get forgets(): boolean {
    return this.standing.chunks > MOST_REMEMBERED
  }

  /** The future time at which the next event will be placed; null is now. */
  get aim(): number | null {
    return this.#aim !== null && this.#aim > this.now && !this.standing.over ? this.#aim : null
  }

  /** The time that the user chose, past or future. */
  get cursor(): number | null {
    return this.lookAt ?? this.aim
  }

  /** Chooses a time. A past time pauses the run and is shown; a future time is for the next event; null is the present. */
  choose(at: number | null): void {
    const past = at !== null && at < this.now
    if (past) this.playing = false
    this.lookAt = past ? at : null
    this.#aim = past ? null : at
    paint()
  }

  play(): void {
    if (this.playing || this.standing.over) return
    this.playing = true
    this.lookAt = null
    this.#last = performance.now()
    const turn = (this.#turn += 1)
    requestAnimationFrame((time) => this.#frame(time, turn))
  }

  pause(): void {
    this.playing = false
    paint()
  }

  step(): void {
    this.playing = false
    this.lookAt = null
    const next = this.marks.find((mark) => !mark.done)
    if (next && next.at <= (this.#run.nextAt() ?? Infinity)) this.#advance(next.at)
    else this.#run.step()
    this.#takeHappened()
    paint()
  }

  /** Runs as fast as possible, until it is paused or over. */
  async toEnd(): Promise<void> {
    this.playing = true
    this.lookAt = null
    const turn = (this.#turn += 1)
    for (let turns = 0; this.playing && turn === this.#turn && !this.#freed; turns += 1) {
      this.#advance(Number.MAX_SAFE_INTEGER)
      this.#takeHappened()
      if (this.standing.over) this.playing = false
      if (!this.playing || turns % TURNS_PER_PICTURE === 0) paint()
      await new Promise((resolve) => setTimeout(resolve))
    }
  }

  /** Lets an event happen, now or when virtual time reaches it; the past cannot be changed. False if it could not happen. */
  letHappen(what: Happening, at = this.now): boolean {
    const mark: Mark = { at: Math.max(Math.round(at), this.now), what, done: false, ...(what === 'hold' ? { hold: { ...settings.hold } } : {}) }
    this.marks.push(mark)
    this.marks.sort((a, b) => a.at - b.at)
    if (mark.at <= this.now) this.#happen(mark)
    paint()
    return this.marks.includes(mark)
  }

  /** Takes back an event that has not happened yet. */
  takeBack(mark: Mark): void {
    const place = mark.done ? -1 : this.marks.indexOf(mark)
    if (place >= 0) this.marks.splice(place, 1)
    paint()
  }

  #happen(mark: Mark): void {
    mark.done = true
    failure = ''
    try {
      if (mark.what === 'hold') this.#run.placeHold(mark.hold?.start ?? '', mark.hold?.end ?? '')
      else this.#run.addFault(JSON.stringify(faultOnce(mark.what, this.api)))
    } catch (why) {
      // It did not happen, so nothing may say that it did.
      failure = String(why)
      this.marks.splice(this.marks.indexOf(mark), 1)
    }
  }

  /** Advances virtual time towards `until`, at most to the next event, which then happens. Stops early when the turn is over. */
  #advance(until: number): void {
    const next = this.marks.find((mark) => !mark.done)
    const begun = performance.now()
    let [there, steps] = [false, 0]
    do {
      there = this.#run.runUntil(Math.min(until, next?.at ?? until), STEPS_PER_CLOCK_CHECK)
      steps += STEPS_PER_CLOCK_CHECK
    } while (!there && steps < MOST_STEPS_PER_TURN && performance.now() - begun < MS_PER_TURN)
    if (next && next.at <= until && there) this.#happen(next)
  }

  /**
   * The highest-numbered chunks as they were at that time, or as they are now if there are too many to remember; and whether there
   * are more.
   */
  chunksAt(time: number | null): { views: ChunkView[]; more: boolean } {
    if (time === null || this.forgets) {
      return { views: this.#highest.flatMap((index) => this.views.get(index) ?? []), more: this.views.size > SHOWN }
    }
    const then = [...this.#past.values()].flatMap((list) => list.findLast((one) => one.at <= time)?.view ?? [])
    then.sort((a, b) => b.chunk.index - a.chunk.index)
    return { views: then.slice(0, SHOWN), more: then.length > SHOWN }
  }

  /** Adds a chunk to the highest-numbered ones if it is one of them. */
  #keepIfHighest(chunk: number): void {
    if (this.views.has(chunk) || chunk < (this.#highest[SHOWN - 1] ?? 0)) return
    const place = this.#highest.findIndex((other) => other < chunk)
    this.#highest.splice(place < 0 ? this.#highest.length : place, 0, chunk)
    this.#highest.length = Math.min(this.#highest.length, SHOWN)
  }

  /**
   * The last lines of the log at the time that is shown, latest first, and how many lines there were: null when the lines of that
   * time are no longer kept. `missing` says whether lines that would be shown are no longer kept.
   */
  get logged(): { lines: Line[]; count: number | null; missing: boolean } {
    const { lookAt } = this
    const known = lookAt === null ? this.lines : this.lines.filter(({ at }) => at <= lookAt)
    const dropped = this.#lineCount - this.lines.length
    return {
      lines: known.slice(-SHOWN).reverse(), count: dropped > 0 && known.length === 0 ? null : dropped + known.length,
      missing: dropped > 0 && known.length < SHOWN,
    }
  }

  cancel(): void {
    this.#run.cancel()
    this.play()
  }

  /**
   * Passes on the whole log. It is taken in pieces, because it may be longer than a string can be and the page must stay
   * responsive. Nothing is passed on if the rehearsal is freed meanwhile.
   */
  async log(take: (log: Blob) => void): Promise<void> {
    const pieces: Blob[] = []
    for (let from = 0; !this.#freed; from += RECORDS_PER_TURN) {
      const piece = this.#run.auditLog(from, from + RECORDS_PER_TURN)
      if (piece === '') return take(new Blob(pieces))
      pieces.push(new Blob([piece]))
      await new Promise((resolve) => setTimeout(resolve))
    }
  }

  free(): void {
    this.playing = false
    this.#freed = true
    this.#run.free()
  }

  #frame(time: number, turn: number): void {
    if (!this.playing || turn !== this.#turn) return
    const passed = Math.min(time - this.#last, 250) * this.speed
    this.#last = time
    this.#advance(this.now + passed)
    this.#takeHappened()
    paint()
    if (this.standing.over) this.playing = false
    else requestAnimationFrame((next) => this.#frame(next, turn))
  }

  #takeHappened(): void {
    const happened = this.#run.takeHappened()
    this.standing = this.#run.standing()
    for (const one of happened) this.#note(one)
    this.#tracks.extendTo(this.now)
    if (this.standing.over) this.reported = this.#run.sums()
  }

  #note({ at, chunk, view, lines }: Happened): void {
    const when = Date.parse(at)
    this.#keepIfHighest(chunk)
    if (view.outcome !== null && (this.views.get(chunk)?.outcome ?? null) === null) this.#ends.push(when)
    this.views.set(chunk, view)
    if (!this.forgets) {
      const past = this.#past.get(chunk)
      if (past) past.push({ at: when, view })
      else this.#past.set(chunk, [{ at: when, view }])
    }
    this.#tracks.note(chunk, when, view)
    for (const text of lines) {
      const record = JSON.parse(text) as { event: { kind: string }; status: string }
      this.#lineCount += 1
      this.lines.push({ at: when, chunk, kind: record.event.kind, status: record.status, text })
    }
    if (this.lines.length > 2 * LINES_KEPT) this.lines.splice(0, this.lines.length - LINES_KEPT)
  }
}

let playback: Playback | null = null
export const current = (): Playback | null => playback
export let failure = ''

export function begin(plan: Plan, api: string, name: string): void {
  const file = plan.file()
  if (file === null) return
  failure = ''
  try {
    const now = new Date()
    const run = rehearse(file, settings.approver, JSON.stringify(scenario(plan, api, settings)), now.toISOString())
    const last = lastChunk(plan)
    if (last && (settings.hold.start === '' || !startsInRange(plan, settings.hold))) settings.hold = last
    const speed = playback?.speed ?? 60
    playback?.free()
    playback = new Playback(run, now.getTime(), { code: plan.summary.shortCode ?? '', api, name, speed })
    playback.play()
  } catch (why) {
    failure = String(why)
  }
  paint()
}

function startsInRange(plan: Plan, window: { start: string }): boolean {
  const at = Date.parse(window.start)
  return at >= (plan.starts[0] ?? 0) && at < (plan.ends[plan.ends.length - 1] ?? 0)
}
