// The timeline: what becomes of the range, drawn on a canvas so that a hundred thousand parts cost no more than ten.
import type { Plan } from '../core'
import { instant } from '../format'
import { DISPOSITIONS } from '../types'
import { ticks } from './axis'
import { colour, fill, surface, type Pattern } from './surface'

const AXIS = 22
const NARROWEST = 3
const PATTERNS: Pattern[] = ['plain', 'stripes', 'back', 'dots', 'cross']
const NAMES = ['chunk', 'held', 'retained', 'recent', 'refused']

export interface TimelineEvents {
  select: (part: number) => void
  moved: () => void
}

export class Timeline {
  readonly #canvas: HTMLCanvasElement
  readonly #events: TimelineEvents
  #plan: Plan | null = null
  #from = 0
  #to = 1
  #selected: number | null = null
  #queued = false

  constructor(canvas: HTMLCanvasElement, events: TimelineEvents) {
    this.#canvas = canvas
    this.#events = events
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false })
    canvas.addEventListener('pointerdown', (event) => this.#press(event))
    canvas.addEventListener('keydown', (event) => this.#key(event))
    new ResizeObserver(() => this.#draw()).observe(canvas)
  }

  show(plan: Plan, selected: number | null): void {
    const [first, last] = ends(plan)
    const known = this.#plan ? ends(this.#plan) : [Number.NaN, Number.NaN]
    if (first !== known[0] || last !== known[1]) {
      this.#from = first
      this.#to = last
    }
    this.#plan = plan
    this.#selected = selected
    this.#draw()
  }

  get shown(): [number, number] {
    return [this.#from, this.#to]
  }

  fit(): void {
    if (!this.#plan) return
    ;[this.#from, this.#to] = ends(this.#plan)
    this.#move()
  }

  zoom(factor: number, around = (this.#from + this.#to) / 2): void {
    if (!this.#plan) return
    const [first, last] = ends(this.#plan)
    const width = Math.min(Math.max((this.#to - this.#from) * factor, 1000), last - first)
    const share = (around - this.#from) / (this.#to - this.#from)
    this.#place(around - width * share, width)
  }

  #place(from: number, width: number): void {
    if (!this.#plan) return
    const [first, last] = ends(this.#plan)
    this.#from = Math.max(first, Math.min(from, last - width))
    this.#to = this.#from + width
    this.#move()
  }

  #move(): void {
    this.#events.moved()
    if (this.#queued) return
    this.#queued = true
    requestAnimationFrame(() => {
      this.#queued = false
      this.#draw()
    })
  }

  #at(event: { clientX: number }): number {
    const box = this.#canvas.getBoundingClientRect()
    return this.#from + ((event.clientX - box.left) / box.width) * (this.#to - this.#from)
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault()
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey
    if (sideways) {
      const by = (event.deltaX || event.deltaY) / this.#canvas.clientWidth
      this.#place(this.#from + by * (this.#to - this.#from), this.#to - this.#from)
    } else {
      this.zoom(Math.exp(event.deltaY / 400), this.#at(event))
    }
  }

  #press(down: PointerEvent): void {
    const start = this.#at(down)
    let moved = false
    this.#canvas.setPointerCapture(down.pointerId)
    const drag = (event: PointerEvent): void => {
      if (!moved && Math.abs(event.clientX - down.clientX) < 4) return
      moved = true
      this.#place(this.#from + start - this.#at(event), this.#to - this.#from)
    }
    const up = (event: PointerEvent): void => {
      this.#canvas.removeEventListener('pointermove', drag)
      if (!moved) this.#select(this.#at(event))
    }
    this.#canvas.addEventListener('pointermove', drag)
    this.#canvas.addEventListener('pointerup', up, { once: true })
  }

  #key(event: KeyboardEvent): void {
    const width = this.#to - this.#from
    const known: Record<string, () => void> = {
      ArrowLeft: () => this.#place(this.#from - width / 10, width),
      ArrowRight: () => this.#place(this.#from + width / 10, width),
      '+': () => this.zoom(0.5),
      '=': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      '0': () => this.fit(),
      Enter: () => this.#select((this.#from + this.#to) / 2),
    }
    const act = known[event.key]
    if (!act || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  #select(at: number): void {
    const part = this.#plan ? partAt(this.#plan, at) : null
    if (part !== null) this.#events.select(part)
  }

  #draw(): void {
    const drawing = surface(this.#canvas)
    if (!drawing || !this.#plan) return
    const { context, width, height } = drawing
    const { starts, ends: stops, dispositions } = this.#plan
    if (starts.length === 0) return
    const scale = width / (this.#to - this.#from)
    const x = (at: number): number => (at - this.#from) * scale
    const floor = height - AXIS
    const ink = colour('ink')
    const fills = NAMES.map((name, kind) =>
      fill(context, colour(`${name}-ground`), colour(`${name}-ink`), PATTERNS[kind] ?? 'plain'),
    )
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'

    const first = partAt(this.#plan, this.#from) ?? 0
    let part = first
    while (part < starts.length && (starts[part] ?? 0) < this.#to) {
      const kind = dispositions[part] ?? 0
      const left = x(starts[part] ?? 0)
      let right = x(stops[part] ?? 0)
      const single = part
      // Neighbours too narrow to see by themselves become one run of equal state.
      while (kind === dispositions[part + 1] && right - x(starts[part] ?? 0) < NARROWEST) {
        const next = x(stops[part + 1] ?? 0)
        if (next - right >= NARROWEST || (starts[part + 1] ?? 0) >= this.#to) break
        part += 1
        right = next
      }
      const alone = single === part
      const gap = alone && right - left > 6 ? 1 : 0
      const shownLeft = Math.max(left, -10)
      const shownWidth = Math.max(Math.min(right, width + 10) - shownLeft - gap, 0.75)
      context.fillStyle = fills[kind] ?? ink
      context.fillRect(shownLeft, 8, shownWidth, floor - 16)
      if (alone && right - left > 26) this.#name(context, part, kind, Math.max(left, 0), Math.min(right, width), floor)
      part += 1
    }
    this.#axis(context, width, height, x)
    if (this.#selected !== null) {
      const left = Math.max(x(starts[this.#selected] ?? 0), 1)
      const right = Math.min(x(stops[this.#selected] ?? 0), width - 1)
      if (right >= 0 && left <= width) {
        context.strokeStyle = ink
        context.lineWidth = 2
        context.strokeRect(left, 6, Math.max(right - left - 1, 2), floor - 12)
      }
    }
  }

  #name(context: CanvasRenderingContext2D, part: number, kind: number, left: number, right: number, floor: number): void {
    const text = kind === 0 ? String(this.#chunkNumber(part)) : (DISPOSITIONS[kind] ?? '')
    const size = context.measureText(text).width
    if (size + 10 > right - left) return
    const middle = (left + right) / 2
    context.fillStyle = colour(`${NAMES[kind] ?? 'chunk'}-ground`)
    if (kind !== 0) context.fillRect(middle - size / 2 - 4, floor / 2 - 9, size + 8, 18)
    context.fillStyle = colour(`${NAMES[kind] ?? 'chunk'}-text`)
    context.fillText(text, middle - size / 2, floor / 2)
  }

  #chunkNumber(part: number): number {
    const dispositions = this.#plan?.dispositions
    let chunks = 0
    for (let before = 0; before <= part; before += 1) if (dispositions?.[before] === 0) chunks += 1
    return chunks
  }

  #axis(context: CanvasRenderingContext2D, width: number, height: number, x: (at: number) => number): void {
    context.strokeStyle = colour('line')
    context.fillStyle = colour('quiet')
    context.lineWidth = 1
    let free = 0
    for (const tick of ticks(this.#from, this.#to, Math.max(2, width / 90))) {
      const left = Math.round(x(tick.at)) + 0.5
      context.beginPath()
      context.moveTo(left, height - AXIS)
      context.lineTo(left, height - AXIS + 5)
      context.stroke()
      const size = context.measureText(tick.label).width
      const start = Math.min(Math.max(left - size / 2, 0), width - size)
      if (start < free) continue
      context.fillText(tick.label, start, height - AXIS / 2 + 3)
      free = start + size + 8
    }
  }
}

function ends(plan: Plan): [number, number] {
  return [plan.starts[0] ?? 0, plan.ends[plan.ends.length - 1] ?? 1]
}

/** The part that an instant lies in: the parts are in order and leave no gap. */
function partAt(plan: Plan, at: number): number | null {
  let low = 0
  let high = plan.starts.length - 1
  if (high < 0) return null
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((plan.starts[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

export const span = (plan: Plan): string[] => ends(plan).map(instant)
