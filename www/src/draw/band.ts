// Paints the timeline: counts on top, parts below them, then the axis. Parts too narrow to see are merged into runs of the same
// disposition, so a hundred thousand parts cost no more to paint than ten.
import type { Plan } from '../core'
import { chunkNumber, partAt } from '../state/parts'
import type { Bucket } from '../state/counts'
import { t } from '../texts/page'
import { DISPOSITIONS } from '../types'
import { ticks, type Tick } from './axis'
import { colour, drawEdge, fill, type Pattern, type Surface } from './surface'

export const AXIS = 22
const NARROWEST = 3
const VOLUME = 40
const PATTERNS: Pattern[] = ['plain', 'stripes', 'back', 'dots', 'cross']
const NAMES = ['chunk', 'held', 'retained', 'recent', 'refused']

export interface Shown {
  plan: Plan
  from: number
  to: number
  selected: number | null
  /** Counts by time; may be empty. */
  buckets: readonly Bucket[]
}

export function drawBand({ context, width, height }: Surface, shown: Shown): void {
  const { plan, from, to } = shown
  const scale = width / (to - from)
  const x = (at: number): number => (at - from) * scale
  const top = shown.buckets.length > 0 ? VOLUME + 4 : 6
  const floor = height - AXIS
  if (shown.buckets.length > 0) drawHistogram(context, width, shown)
  drawParts(context, width, top, floor - 4, shown, x)
  drawAxis(context, width, floor, ticks(from, to, Math.max(2, width / 90)), x)
  if (shown.selected !== null) {
    const left = Math.max(x(plan.starts[shown.selected] ?? 0), 1)
    const right = Math.min(x(plan.ends[shown.selected] ?? 0), width - 1)
    if (right >= 0 && left <= width) {
      context.strokeStyle = colour('ink')
      context.lineWidth = 2
      context.strokeRect(left, top - 2, Math.max(right - left - 1, 2), floor - top)
    }
  }
}

function drawParts(context: CanvasRenderingContext2D, width: number, top: number, bottom: number, shown: Shown, x: (at: number) => number): void {
  const { plan, from, to } = shown
  const { starts, ends, dispositions } = plan
  const fills = NAMES.map((name, kind) => fill(context, `${name}-ground`, `${name}-ink`, PATTERNS[kind] ?? 'plain'))
  for (let part = partAt(plan, from) ?? 0; part < starts.length && (starts[part] ?? 0) < to; part += 1) {
    const kind = dispositions[part] ?? 0
    const first = part
    const left = x(starts[part] ?? 0)
    let right = x(ends[part] ?? 0)
    while (kind === dispositions[part + 1] && right - x(starts[part] ?? 0) < NARROWEST) {
      const next = x(ends[part + 1] ?? 0)
      if (next - right >= NARROWEST || (starts[part + 1] ?? 0) >= to) break
      part += 1
      right = next
    }
    const alone = first === part
    const gap = alone && right - left > 6 ? 1 : 0
    const shownLeft = Math.max(left, -10)
    context.fillStyle = fills[kind] ?? ''
    const wide = Math.max(Math.min(right, width + 10) - shownLeft - gap, 0.75)
    context.fillRect(shownLeft, top, wide, bottom - top)
    drawEdge(context, shownLeft, top, wide, bottom - top)
    if (alone && right - left > 26) drawName(context, plan, part, Math.max(left, 0), Math.min(right, width), (top + bottom) / 2)
  }
}

function drawName(context: CanvasRenderingContext2D, plan: Plan, part: number, left: number, right: number, middle: number): void {
  const kind = plan.dispositions[part] ?? 0
  const text = kind === 0 ? String(chunkNumber(plan, part)) : t.timeline.dispositions[DISPOSITIONS[kind] ?? 'chunk']
  const size = context.measureText(text).width
  if (size + 10 > right - left) return
  const centre = (left + right) / 2
  if (kind !== 0) {
    context.fillStyle = colour(`${NAMES[kind] ?? 'chunk'}-ground`)
    context.fillRect(centre - size / 2 - 4, middle - 9, size + 8, 18)
  }
  context.fillStyle = colour(`${NAMES[kind] ?? 'chunk'}-text`)
  context.fillText(text, centre - size / 2, middle)
}

/** Sums the counts per column of the screen, so that the height of a bar does not depend on the length of the buckets. */
function drawHistogram(context: CanvasRenderingContext2D, width: number, { buckets, from, to }: Shown): void {
  const columns = Math.max(1, Math.floor(width / 3))
  const each = (to - from) / columns
  const heights = new Float64Array(columns)
  for (const bucket of buckets) {
    if (bucket.to <= from || bucket.from >= to) continue
    const density = bucket.count / (bucket.to - bucket.from)
    const [begin, end] = [Math.max(bucket.from, from) - from, Math.min(bucket.to, to) - from]
    for (let column = Math.floor(begin / each); column < columns && column * each < end; column += 1) {
      const shared = Math.min(end, (column + 1) * each) - Math.max(begin, column * each)
      heights[column] = (heights[column] ?? 0) + density * shared
    }
  }
  const highest = heights.reduce((most, one) => Math.max(most, one), 0)
  if (highest === 0) return
  context.fillStyle = colour('volume')
  const wide = width / columns
  for (let column = 0; column < columns; column += 1) {
    const high = ((heights[column] ?? 0) / highest) * (VOLUME - 2)
    if (high > 0) context.fillRect(column * wide, VOLUME - Math.max(high, 1), Math.max(wide - 0.5, 0.75), Math.max(high, 1))
  }
}

/** Draws the ticks, and as many of their labels as fit. */
export function drawAxis(context: CanvasRenderingContext2D, width: number, top: number, list: Tick[], x: (at: number) => number): void {
  context.strokeStyle = colour('line')
  context.fillStyle = colour('quiet')
  context.lineWidth = 1
  let free = 0
  for (const tick of list) {
    const left = Math.round(x(tick.at)) + 0.5
    context.beginPath()
    context.moveTo(left, top)
    context.lineTo(left, top + 5)
    context.stroke()
    const size = context.measureText(tick.label).width
    const start = Math.min(Math.max(left - size / 2, 0), width - size)
    if (start < free) continue
    context.fillText(tick.label, start, top + AXIS / 2 + 3)
    free = start + size + 8
  }
}
