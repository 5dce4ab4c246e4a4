// Lanes over virtual time: a lane is one of the places that chunks take, a bar is a phase.
import { clock } from '../format'
import type { Phase, Show } from '../state/rehearsal'
import { ticks } from './axis'
import { colour, fill, surface, type Pattern } from './surface'

const AXIS = 22
const PATTERNS: Record<Phase, Pattern> = {
  check: 'plain', submit: 'plain', wait: 'stripes', delete: 'dots', verify: 'back', end: 'plain',
}

export function gantt(canvas: HTMLCanvasElement, show: Show): void {
  const drawing = surface(canvas)
  if (!drawing) return
  const { context, width, height } = drawing
  const until = show.lookAt ?? show.now
  const from = show.begun
  const to = Math.max(show.now, from + 10_000)
  const x = (at: number): number => ((at - from) / (to - from)) * (width - 2)
  const lanes = Math.max(show.lanes, 1)
  const lane = Math.min((height - AXIS) / lanes, 44)
  const fills = new Map<Phase, string | CanvasPattern>()
  for (const phase of Object.keys(PATTERNS) as Phase[]) {
    fills.set(phase, fill(context, colour(`phase-${phase}`), colour(`phase-${phase}-ink`), PATTERNS[phase]))
  }
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'middle'
  for (const bar of show.bars) {
    if (bar.from > until) continue
    const left = x(bar.from)
    const right = x(Math.min(bar.to, until))
    const top = bar.lane * lane + 4
    context.fillStyle = fills.get(bar.phase) ?? ''
    if (bar.phase === 'end') {
      context.fillStyle = colour(bar.why === 'verified' ? 'good' : 'bad')
      context.fillRect(left - 1, top, 3, lane - 8)
      continue
    }
    context.fillRect(left, top, Math.max(right - left, 0.5), lane - 8)
  }
  names(context, show, x, lane, until)
  axis(context, width, height, from, to, x)
  context.strokeStyle = colour('ink')
  const cursor = Math.round(x(until)) + 0.5
  context.beginPath()
  context.moveTo(cursor, 0)
  context.lineTo(cursor, height - AXIS)
  context.stroke()
}

/** Each chunk's number over its bars, where it fits. */
function names(context: CanvasRenderingContext2D, show: Show, x: (at: number) => number, lane: number, until: number): void {
  const spans = new Map<number, { lane: number; from: number; to: number }>()
  for (const bar of show.bars) {
    if (bar.from > until) continue
    const span = spans.get(bar.chunk)
    if (span) span.to = Math.max(span.to, Math.min(bar.to, until))
    else spans.set(bar.chunk, { lane: bar.lane, from: bar.from, to: Math.min(bar.to, until) })
  }
  for (const [chunk, span] of spans) {
    const text = String(chunk)
    const size = context.measureText(text).width
    const left = x(span.from)
    if (x(span.to) - left < size + 12) continue
    const top = span.lane * lane + lane / 2
    context.fillStyle = colour('ground')
    context.fillRect(left + 2, top - 8, size + 6, 16)
    context.fillStyle = colour('ink')
    context.fillText(text, left + 5, top)
  }
}

function axis(context: CanvasRenderingContext2D, width: number, height: number, from: number, to: number, x: (at: number) => number): void {
  context.strokeStyle = colour('line')
  context.fillStyle = colour('quiet')
  for (const tick of ticks(from, to, Math.max(2, width / 110))) {
    const left = Math.round(x(tick.at)) + 0.5
    context.beginPath()
    context.moveTo(left, height - AXIS)
    context.lineTo(left, height - AXIS + 5)
    context.stroke()
    const label = clock(tick.at)
    const size = context.measureText(label).width
    context.fillText(label, Math.min(Math.max(left - size / 2, 0), width - size), height - AXIS / 2 + 3)
  }
}
