// Lanes over virtual time. A lane is one of the places that running chunks occupy, a bar is a phase, a flag is an event that the
// user triggers.
import type { Playback } from '../state/rehearsal'
import type { Happening } from '../state/scenario'
import { attempts, type Attempt, type Bar, type Phase } from '../state/tracks'
import { t } from '../texts/runs'
import { ticks } from './axis'
import { AXIS, drawAxis } from './band'
import { colour, drawEdge, fill, prepareSurface, type Pattern } from './surface'

const PATTERNS: Record<Phase, Pattern> = {
  check: 'plain', submit: 'plain', wait: 'stripes', delete: 'dots', verify: 'back', end: 'plain',
}
const FLAGS = 20
/** With more bars than this their names would be illegible, so none are drawn. */
const MOST_NAMED = 3000

/** What is drawn: a rehearsal, or a watched run. */
export type Drawn = Pick<Playback, 'bars' | 'lanes' | 'marks' | 'begun' | 'now' | 'lookAt' | 'cursor'> & { standing: Pick<Playback['standing'], 'over'> }

/** Which part of it is visible, and the cursor's lane. */
export interface Look {
  from: number
  to: number
  /** The lane that the cursor is in, from 0. */
  lane: number
  /** An event that is being dragged to its time. */
  carried: { what: Happening; at: number } | null
}

/** The geometry of the canvas. */
interface Frame {
  from: number
  to: number
  until: number
  lane: number
  x: (at: number) => number
}

/** All the time that can be shown, with room for events still to be placed. */
export function reach(run: Drawn): readonly [from: number, to: number] {
  const planned = Math.max(run.marks.at(-1)?.at ?? 0, run.cursor ?? 0)
  const ahead = run.standing.over ? 0 : Math.max((run.now - run.begun) / 4, 20_000)
  return [run.begun, Math.max(run.now + ahead, planned, run.begun + 10_000)]
}

const laneHeight = (run: Drawn, height: number): number => Math.min((height - AXIS - FLAGS) / Math.max(run.lanes, 1), 40)

/** The lane at that many pixels below the top of the canvas. */
export function laneAt(run: Drawn, height: number, y: number): number {
  return Math.min(Math.max(Math.floor((y - FLAGS) / laneHeight(run, height)), 0), Math.max(run.lanes - 1, 0))
}

/** The bar of the lane at that time. Bars of a lane follow each other. */
export function barIn(run: Drawn, lane: number, at: number): Bar | null {
  return run.bars.findLast((bar) => bar.lane === lane && bar.phase !== 'end' && bar.from <= at && bar.to >= at) ?? null
}

export function drawGantt(canvas: HTMLCanvasElement, run: Drawn, look: Look): void {
  const drawing = prepareSurface(canvas)
  if (!drawing) return
  const { context, width, height } = drawing
  const { from, to } = look
  const place: Frame = {
    from, to, until: run.lookAt ?? run.now, lane: laneHeight(run, height), x: (at) => ((at - from) / (to - from)) * width,
  }
  drawBars(context, run, place)
  if (run.bars.length < MOST_NAMED) drawNames(context, run, place)
  drawAxis(context, width, height - AXIS, ticks(from, to, Math.max(2, width / 110)), place.x)
  drawFlags(context, run, place, width, height)
  if (look.carried) drawFlags(context, { ...run, marks: [{ ...look.carried, done: false }] }, place, width, height)
  context.strokeStyle = colour('ink')
  context.lineWidth = 1
  drawLine(context, place.x(place.until), FLAGS, height - AXIS)
  if (run.cursor !== null) drawCursor(context, place, run.cursor, look.lane, height)
}

/** Draws the chosen time, with a dot in the lane that is read out. */
function drawCursor(context: CanvasRenderingContext2D, { lane, x }: Frame, at: number, row: number, height: number): void {
  context.strokeStyle = colour('accent')
  context.lineWidth = 2
  drawLine(context, x(at), FLAGS - 6, height - AXIS)
  context.fillStyle = colour('accent')
  context.beginPath()
  context.arc(x(at), FLAGS + (row + 0.5) * lane, 5, 0, 2 * Math.PI)
  context.fill()
}

function drawLine(context: CanvasRenderingContext2D, at: number, top: number, bottom: number): void {
  const x = Math.round(at) + 0.5
  context.beginPath()
  context.moveTo(x, top)
  context.lineTo(x, bottom)
  context.stroke()
}

function drawBars(context: CanvasRenderingContext2D, run: Drawn, { from, to, until, lane, x }: Frame): void {
  const drawn = new Float64Array(run.lanes).fill(-1)
  const ends = { good: new Float64Array(run.lanes).fill(-9), bad: new Float64Array(run.lanes).fill(-9) }
  for (const bar of run.bars) {
    if (bar.from > until || bar.from > to || bar.to < from) continue
    const left = Math.max(x(bar.from), -10)
    const right = Math.min(x(Math.min(bar.to, until)), x(to) + 10)
    const top = FLAGS + bar.lane * lane + 3
    if (bar.phase === 'end') {
      // Ends on the same pixel are drawn once, but good and bad ones separately, so that a good end never hides a bad one.
      const kind = bar.why === 'verified' ? 'good' : 'bad'
      if (left < (ends[kind][bar.lane] ?? -9) + 0.5) continue
      ends[kind][bar.lane] = left
      context.fillStyle = colour(kind)
      context.fillRect(left - 1, top, bar.why === 'verified' ? 2 : 4, lane - 6)
      continue
    }
    // A bar within the same half pixel as the one before it would be invisible.
    if (right < (drawn[bar.lane] ?? -1) + 0.5) continue
    drawn[bar.lane] = right
    context.fillStyle = fill(context, `phase-${bar.phase}`, `phase-${bar.phase}-ink`, PATTERNS[bar.phase])
    const wide = Math.max(right - left, 0.5)
    context.fillRect(left, top, wide, lane - 6)
    drawEdge(context, left, top, wide, lane - 6)
  }
}

/** Writes each chunk's number at the beginning of each attempt at it and, where there is room, what it waits for. */
function drawNames(context: CanvasRenderingContext2D, run: Drawn, { from, to, until, lane, x }: Frame): void {
  const label = (text: string, left: number, middle: number, room: number): number => {
    const size = context.measureText(text).width
    if (size + 10 > room) return 0
    context.fillStyle = colour('ground')
    context.fillRect(left + 2, middle - 8, size + 6, 16)
    context.fillStyle = colour('ink')
    context.fillText(text, left + 5, middle)
    return size + 12
  }
  const attemptOf = attempts(run.bars)
  const named = new Set<Attempt>()
  const spacious = lane >= 18
  // Goes chunk by chunk, so that a chunk's number comes before its words, and words never cover a number.
  const free = new Float64Array(run.lanes)
  const write = (text: string, bar: Bar, end: number): void => {
    // A bar that began before the visible part is named where it comes into view.
    const left = Math.max(x(bar.from), free[bar.lane] ?? 0)
    const size = label(text, left, FLAGS + bar.lane * lane + lane / 2, x(Math.min(end, until)) - left)
    if (size > 0) free[bar.lane] = left + size
  }
  for (const [bar, attempt] of attemptOf) {
    if (bar.from > until || bar.from > to || bar.to < from || bar.phase === 'end') continue
    if (!named.has(attempt)) {
      named.add(attempt)
      write(String(bar.chunk), bar, attempt.to)
    }
    const word = spacious ? t.rehearse.whys[bar.why] : undefined
    if (word !== undefined) write(word, bar, bar.to)
  }
}

function drawFlags(context: CanvasRenderingContext2D, run: Pick<Drawn, 'marks'>, { from, to, x }: Frame, width: number, height: number): void {
  let free = 0
  for (const mark of run.marks) {
    if (mark.at < from || mark.at > to) continue
    const at = x(mark.at)
    context.strokeStyle = colour(mark.what === 'hold' ? 'held-ink' : 'bad')
    context.setLineDash(mark.done ? [] : [4, 3])
    drawLine(context, at, 4, height - AXIS)
    context.setLineDash([])
    const text = t.rehearse.happenings[mark.what]
    const size = context.measureText(text).width
    const left = Math.min(at + 4, width - size - 8)
    if (left < free) continue
    context.fillStyle = colour(mark.what === 'hold' ? 'held-ground' : 'refused-ground')
    context.fillRect(left - 2, 1, size + 8, 16)
    context.fillStyle = colour(mark.what === 'hold' ? 'held-text' : 'refused-text')
    context.fillText(text, left + 2, 9)
    free = left + size + 12
  }
}
