// Lanes over virtual time: a lane is one of the places that chunks take, a bar is a phase, a flag is what somebody let happen.
import { clock } from '../format'
import type { Bar, Phase, Show } from '../state/rehearsal'
import { t } from '../texts'
import { ticks } from './axis'
import { AXIS, axis } from './band'
import { colour, fill, surface, type Pattern } from './surface'

const PATTERNS: Record<Phase, Pattern> = {
  check: 'plain', submit: 'plain', wait: 'stripes', delete: 'dots', verify: 'back', end: 'plain',
}
const FLAGS = 20
/** More bars than this have no names: they would not be legible. */
const NAMED = 3000

/** What is drawn: a rehearsal, or a run that is watched. */
export type Drawn = Pick<Show, 'bars' | 'lanes' | 'marks' | 'begun' | 'now' | 'lookAt'> & { standing: Pick<Show['standing'], 'over'> }

/** Where everything is on the canvas. */
interface Frame {
  from: number
  to: number
  until: number
  lane: number
  x: (at: number) => number
}

function frame(show: Drawn, width: number, height: number): Frame {
  const from = show.begun
  const planned = show.marks.at(-1)?.at ?? 0
  // Room for what is still to be let happen.
  const ahead = show.standing.over ? 0 : Math.max((show.now - from) / 4, 20_000)
  const to = Math.max(show.now + ahead, planned, from + 10_000)
  return {
    from,
    to,
    until: show.lookAt ?? show.now,
    lane: Math.min((height - AXIS - FLAGS) / Math.max(show.lanes, 1), 40),
    x: (at) => ((at - from) / (to - from)) * (width - 2),
  }
}

export function gantt(canvas: HTMLCanvasElement, show: Drawn): void {
  const drawing = surface(canvas)
  if (!drawing) return
  const { context, width, height } = drawing
  const place = frame(show, width, height)
  bars(context, show, place)
  if (show.bars.length < NAMED) names(context, show, place)
  const list = ticks(place.from, place.to, Math.max(2, width / 110)).map((tick) => ({ at: tick.at, label: clock(tick.at) }))
  axis(context, width, height - AXIS, list, place.x)
  flags(context, show, place, width, height)
  context.strokeStyle = colour('ink')
  context.lineWidth = 1
  line(context, place.x(place.until), FLAGS, height - AXIS)
}

function line(context: CanvasRenderingContext2D, at: number, top: number, bottom: number): void {
  const x = Math.round(at) + 0.5
  context.beginPath()
  context.moveTo(x, top)
  context.lineTo(x, bottom)
  context.stroke()
}

function bars(context: CanvasRenderingContext2D, show: Drawn, { until, lane, x }: Frame): void {
  const drawn = new Float64Array(show.lanes).fill(-1)
  for (const bar of show.bars) {
    if (bar.from > until) continue
    const left = x(bar.from)
    const right = x(Math.min(bar.to, until))
    const top = FLAGS + bar.lane * lane + 3
    if (bar.phase === 'end') {
      context.fillStyle = colour(bar.why === 'verified' ? 'good' : 'bad')
      context.fillRect(left - 1, top, bar.why === 'verified' ? 2 : 4, lane - 6)
      continue
    }
    // What would be drawn into the same half of a pixel as the bar before it cannot be seen.
    if (right < (drawn[bar.lane] ?? -1) + 0.5) continue
    drawn[bar.lane] = right
    context.fillStyle = fill(context, `phase-${bar.phase}`, `phase-${bar.phase}-ink`, PATTERNS[bar.phase])
    context.fillRect(left, top, Math.max(right - left, 0.5), lane - 6)
  }
}

/** Each chunk's number at its beginning, and what it waits for where there is room to say so. */
function names(context: CanvasRenderingContext2D, show: Drawn, { until, lane, x }: Frame): void {
  const label = (text: string, left: number, middle: number, room: number): number => {
    const size = context.measureText(text).width
    if (size + 10 > room) return 0
    context.fillStyle = colour('ground')
    context.fillRect(left + 2, middle - 8, size + 6, 16)
    context.fillStyle = colour('ink')
    context.fillText(text, left + 5, middle)
    return size + 12
  }
  const begun = new Map<number, { bar: Bar; to: number }>()
  for (const bar of show.bars) {
    if (bar.from > until) continue
    const known = begun.get(bar.chunk)
    if (known) known.to = Math.max(known.to, bar.to)
    else begun.set(bar.chunk, { bar, to: bar.to })
  }
  const used = new Map<Bar, number>()
  for (const [chunk, { bar, to }] of begun) {
    const left = x(bar.from)
    const size = label(String(chunk), left, FLAGS + bar.lane * lane + lane / 2, x(Math.min(to, until)) - left)
    if (size > 0) used.set(bar, size)
  }
  if (lane < 18) return
  for (const bar of show.bars) {
    if (bar.phase === 'end' || bar.from > until) continue
    const word = t.rehearse.whys[bar.why]
    if (!word) continue
    const left = x(bar.from) + (used.get(bar) ?? 0)
    label(word, left, FLAGS + bar.lane * lane + lane / 2, x(Math.min(bar.to, until)) - left)
  }
}

function flags(context: CanvasRenderingContext2D, show: Drawn, { x }: Frame, width: number, height: number): void {
  let free = 0
  for (const mark of show.marks) {
    const at = x(mark.at)
    context.strokeStyle = colour(mark.what === 'hold' ? 'held-ink' : 'bad')
    context.setLineDash(mark.done ? [] : [4, 3])
    line(context, at, 4, height - AXIS)
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

/** The instant at that place of the canvas. */
export function timeAt(canvas: HTMLCanvasElement, show: Drawn, clientX: number): number {
  const box = canvas.getBoundingClientRect()
  const { from, to } = frame(show, box.width, box.height)
  return from + (Math.min(Math.max(clientX - box.left, 0), box.width) / (box.width - 2)) * (to - from)
}

/** The bar under a place of the canvas. */
export function barAt(canvas: HTMLCanvasElement, show: Drawn, clientX: number, clientY: number): Bar | null {
  const box = canvas.getBoundingClientRect()
  const { lane } = frame(show, box.width, box.height)
  const at = timeAt(canvas, show, clientX)
  const row = Math.floor((clientY - box.top - FLAGS) / lane)
  return show.bars.findLast((bar) => bar.lane === row && bar.phase !== 'end' && bar.from <= at && bar.to >= at) ?? null
}
