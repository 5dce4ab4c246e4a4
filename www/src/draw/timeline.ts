// How people use the timeline. `viewport.ts` pans and zooms, `band.ts` paints.
import type { Plan } from '../core'
import { partAt, rangeOf } from '../state/parts'
import type { Bucket } from '../state/counts'
import { drawBand } from './band'
import { prepareSurface } from './surface'
import { Viewport } from './viewport'

/** The screens on which the surroundings of the timeline scroll, as in the style sheet. */
const SCROLLING = matchMedia('(max-height: 500px), (max-width: 1000px)')

export interface TimelineEvents {
  select: (part: number) => void
  /** The instant under the pointer; null when there is none. */
  hover: (at: number | null) => void
  /** The visible time has changed. */
  moved: (from: number, to: number) => void
}

export class Timeline {
  readonly #canvas: HTMLCanvasElement
  readonly #events: TimelineEvents
  readonly #view: Viewport
  #plan: Plan | null = null
  #buckets: readonly Bucket[] = []
  #selected: number | null = null
  #queued = false
  readonly #sizes = new ResizeObserver(() => this.#draw())

  constructor(canvas: HTMLCanvasElement, events: TimelineEvents) {
    this.#canvas = canvas
    this.#events = events
    this.#view = new Viewport(canvas, {
      limits: () => (this.#plan ? rangeOf(this.#plan) : [0, 1]),
      middle: () => this.#middle(),
      tap: (at) => {
        const part = this.#plan ? partAt(this.#plan, at) : null
        if (part !== null) events.select(part)
      },
      hover: (at) => events.hover(at),
      moved: () => this.#moved(),
      wheel: () => !SCROLLING.matches,
    })
    canvas.addEventListener('keydown', (event) => this.#key(event))
    this.#sizes.observe(canvas)
  }

  end(): void {
    this.#sizes.disconnect()
    this.#plan = null
  }

  show(plan: Plan, selected: number | null, buckets: readonly Bucket[]): void {
    const [first, last] = rangeOf(plan)
    const known = this.#plan ? rangeOf(this.#plan) : [Number.NaN, Number.NaN]
    const jumped = selected !== null && selected !== this.#selected
    this.#plan = plan
    this.#selected = selected
    this.#buckets = buckets
    if (first !== known[0] || last !== known[1]) this.#view.fit()
    else if (jumped) this.#reveal(selected)
    this.#draw()
  }

  fit(): void {
    if (this.#plan) this.#view.fit()
  }

  zoom(factor: number): void {
    if (this.#plan) this.#view.zoom(factor)
  }

  /** The middle of the selected part while it is visible, otherwise that of the visible time. */
  #middle(): number {
    const { from, to } = this.#view
    const part = this.#selected
    if (part !== null && this.#plan) {
      const middle = ((this.#plan.starts[part] ?? 0) + (this.#plan.ends[part] ?? 0)) / 2
      if (middle > from && middle < to) return middle
    }
    return (from + to) / 2
  }

  #reveal(part: number): void {
    const [start, end] = [this.#plan?.starts[part] ?? 0, this.#plan?.ends[part] ?? 0]
    const { from, to, width } = this.#view
    if (end <= from || start >= to) this.#view.place((start + end - width) / 2, width)
  }

  #moved(): void {
    this.#events.moved(this.#view.from, this.#view.to)
    if (this.#queued) return
    this.#queued = true
    requestAnimationFrame(() => {
      this.#queued = false
      this.#draw()
    })
  }

  #key(event: KeyboardEvent): void {
    if (!this.#plan) return
    const last = this.#plan.starts.length - 1
    const here = this.#selected ?? partAt(this.#plan, this.#view.from) ?? 0
    const select = (part: number) => (): void => this.#events.select(Math.min(Math.max(part, 0), last))
    const step = this.#selected === null ? 0 : 1
    const known: Record<string, () => void> = {
      ArrowLeft: select(here - step), ArrowRight: select(here + step), ArrowUp: select(here + step), ArrowDown: select(here - step),
      Home: select(0), End: select(last), Enter: select(here),
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey
    const act = this.#view.key(event) ?? (plain ? known[event.key] : undefined)
    if (!act || last < 0) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  #draw(): void {
    if (!this.#plan || this.#plan.starts.length === 0) return
    const drawing = prepareSurface(this.#canvas)
    if (!drawing) return
    const { from, to } = this.#view
    drawBand(drawing, { plan: this.#plan, from, to, selected: this.#selected, buckets: this.#buckets })
  }
}
