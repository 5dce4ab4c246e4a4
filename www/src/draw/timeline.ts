// The timeline as people handle it: wheel, drag, pinch and keys. What it looks like is in band.ts.
import type { Plan } from '../core'
import { ends, partAt } from '../state/parts'
import type { Bucket } from '../state/counts'
import { band } from './band'
import { surface } from './surface'

/** No closer than a second across the whole width. */
const CLOSEST = 1000
/** A press that moves less than this many pixels is a click. */
const STILL = 4

export interface TimelineEvents {
  select: (part: number) => void
  /** What is under the pointer: an instant, or nothing. */
  hover: (at: number | null) => void
  /** What is shown has changed. */
  moved: (from: number, to: number) => void
}

export class Timeline {
  readonly #canvas: HTMLCanvasElement
  readonly #events: TimelineEvents
  readonly #pointers = new Map<number, number>()
  #plan: Plan | null = null
  #buckets: readonly Bucket[] = []
  #from = 0
  #to = 1
  #selected: number | null = null
  #pressedAt = 0
  #dragged = false
  #queued = false

  constructor(canvas: HTMLCanvasElement, events: TimelineEvents) {
    this.#canvas = canvas
    this.#events = events
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false })
    canvas.addEventListener('pointerdown', (event) => this.#press(event))
    canvas.addEventListener('pointermove', (event) => this.#drag(event))
    canvas.addEventListener('pointerup', (event) => this.#lift(event))
    canvas.addEventListener('pointercancel', (event) => this.#pointers.delete(event.pointerId))
    canvas.addEventListener('pointerleave', () => events.hover(null))
    canvas.addEventListener('keydown', (event) => this.#key(event))
    new ResizeObserver(() => this.#draw()).observe(canvas)
  }

  show(plan: Plan, selected: number | null, buckets: readonly Bucket[]): void {
    const [first, last] = ends(plan)
    const known = this.#plan ? ends(this.#plan) : [Number.NaN, Number.NaN]
    const jumped = selected !== null && selected !== this.#selected
    this.#plan = plan
    this.#selected = selected
    this.#buckets = buckets
    if (first !== known[0] || last !== known[1]) {
      this.#from = first
      this.#to = last
      this.#events.moved(first, last)
    } else if (jumped) {
      this.#reveal(selected)
    }
    this.#draw()
  }

  fit(): void {
    if (!this.#plan) return
    const [first, last] = ends(this.#plan)
    this.#place(first, last - first)
  }

  zoom(factor: number, around = this.#middle()): void {
    if (!this.#plan) return
    const [first, last] = ends(this.#plan)
    const width = Math.min(Math.max((this.#to - this.#from) * factor, CLOSEST), last - first)
    const share = (around - this.#from) / (this.#to - this.#from)
    this.#place(around - width * share, width)
  }

  /** The selected part's middle while it is in sight, else that of what is shown. */
  #middle(): number {
    const part = this.#selected
    if (part !== null && this.#plan) {
      const middle = ((this.#plan.starts[part] ?? 0) + (this.#plan.ends[part] ?? 0)) / 2
      if (middle > this.#from && middle < this.#to) return middle
    }
    return (this.#from + this.#to) / 2
  }

  #reveal(part: number): void {
    const [start, end] = [this.#plan?.starts[part] ?? 0, this.#plan?.ends[part] ?? 0]
    const width = this.#to - this.#from
    if (end <= this.#from || start >= this.#to) this.#place((start + end - width) / 2, width)
  }

  #place(from: number, width: number): void {
    if (!this.#plan) return
    const [first, last] = ends(this.#plan)
    this.#from = Math.max(first, Math.min(from, last - width))
    this.#to = this.#from + width
    this.#events.moved(this.#from, this.#to)
    if (this.#queued) return
    this.#queued = true
    requestAnimationFrame(() => {
      this.#queued = false
      this.#draw()
    })
  }

  #at(clientX: number): number {
    const box = this.#canvas.getBoundingClientRect()
    return this.#from + ((clientX - box.left) / box.width) * (this.#to - this.#from)
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault()
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey
    if (sideways) {
      const by = (event.deltaX || event.deltaY) / this.#canvas.clientWidth
      this.#place(this.#from + by * (this.#to - this.#from), this.#to - this.#from)
    } else {
      this.zoom(Math.exp(event.deltaY / 400), this.#at(event.clientX))
    }
  }

  #press(event: PointerEvent): void {
    if (this.#pointers.size >= 2) return
    try {
      this.#canvas.setPointerCapture(event.pointerId)
    } catch {
      // The pointer may be gone already.
    }
    this.#pointers.set(event.pointerId, event.clientX)
    if (this.#pointers.size === 1) {
      this.#pressedAt = event.clientX
      this.#dragged = false
    } else {
      this.#dragged = true
    }
  }

  #drag(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId)
    if (before === undefined) return this.#events.hover(this.#at(event.clientX))
    if (!this.#dragged && Math.abs(event.clientX - this.#pressedAt) < STILL) return
    this.#dragged = true
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1]
    const width = this.#to - this.#from
    if (other === undefined) {
      this.#place(this.#from + this.#at(before) - this.#at(event.clientX), width)
    } else {
      // What was under the moving finger stays under it; the other finger's instant stays where it is.
      const [was, is] = [before - other, event.clientX - other]
      if (Math.abs(was) > 8 && Math.abs(is) > 8 && was * is > 0) this.zoom(was / is, this.#at(other))
    }
    this.#pointers.set(event.pointerId, event.clientX)
  }

  #lift(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId) || this.#dragged || !this.#plan) return
    const part = partAt(this.#plan, this.#at(event.clientX))
    if (part !== null) this.#events.select(part)
  }

  #key(event: KeyboardEvent): void {
    if (!this.#plan || event.ctrlKey || event.metaKey || event.altKey) return
    const width = this.#to - this.#from
    const last = this.#plan.starts.length - 1
    const here = this.#selected ?? partAt(this.#plan, this.#from) ?? 0
    const select = (part: number) => (): void => this.#events.select(Math.min(Math.max(part, 0), last))
    const step = this.#selected === null ? 0 : 1
    const known: Record<string, () => void> = event.shiftKey
      ? {
          ArrowLeft: () => this.#place(this.#from - width / 10, width),
          ArrowRight: () => this.#place(this.#from + width / 10, width),
          '+': () => this.zoom(0.5),
          '*': () => this.zoom(0.5),
        }
      : {
          ArrowLeft: select(here - step), ArrowRight: select(here + step), ArrowUp: select(here + step), ArrowDown: select(here - step),
          Home: select(0), End: select(last), Enter: select(here),
          '+': () => this.zoom(0.5), '=': () => this.zoom(0.5), '-': () => this.zoom(2), '0': () => this.fit(),
        }
    const act = known[event.key]
    if (!act || last < 0) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  #draw(): void {
    if (!this.#plan || this.#plan.starts.length === 0) return
    const drawing = surface(this.#canvas)
    if (!drawing) return
    band(drawing, { plan: this.#plan, from: this.#from, to: this.#to, selected: this.#selected, buckets: this.#buckets })
  }
}
