// How people use the lanes: a cursor in time and lane, moved by tap and keys. `viewport.ts` pans and zooms, `gantt.ts` paints.
import { barIn, drawGantt, laneAt, reach, type Drawn } from './gantt'
import type { Happening } from '../state/scenario'
import type { Bar } from '../state/tracks'
import { Viewport } from './viewport'

/** Steps of the cursor across the visible time, where there are no events to step to. */
const STEP = 40
/** The place of the present, as a share of the visible time, once it would otherwise run out of view. */
const KEPT = 0.8

export interface ChartEvents {
  /** The user chose a time; null is the present. */
  choose: (at: number | null) => void
  /** Tells which time and bar are under the pointer or, without a pointer, at the cursor. `reach` is all the time that can be shown. */
  read: (at: number, bar: Bar | null, reach: readonly [from: number, to: number]) => void
}

export class Chart {
  readonly #canvas: HTMLCanvasElement
  readonly #events: ChartEvents
  readonly #view: Viewport
  #drawn: Drawn | null = null
  #lane = 0
  #showsAll = true
  #follows = true
  #hovered: { at: number; lane: number } | null = null
  #carried: { what: Happening; at: number } | null = null
  readonly #sizes = new ResizeObserver(() => this.#draw())

  constructor(canvas: HTMLCanvasElement, events: ChartEvents) {
    this.#canvas = canvas
    this.#events = events
    this.#view = new Viewport(canvas, {
      limits: () => (this.#drawn ? reach(this.#drawn) : [0, 1]),
      middle: () => this.#cursor(),
      tap: (at, clientY) => {
        this.#lane = this.#laneOf(clientY)
        this.#choose(at)
      },
      hover: (at, clientY) => {
        this.#hovered = at === null ? null : { at, lane: this.#laneOf(clientY) }
        this.#tell()
      },
      moved: () => this.#moved(),
      wheel: () => false,
    })
    canvas.addEventListener('keydown', (event) => this.#key(event))
    this.#sizes.observe(canvas)
  }

  end(): void {
    this.#sizes.disconnect()
    this.#drawn = null
  }

  show(drawn: Drawn): void {
    this.#drawn = drawn
    if (this.#showsAll) {
      ;[this.#view.from, this.#view.to] = reach(drawn)
    } else if (this.#follows && drawn.lookAt === null && drawn.now > this.#view.from + KEPT * this.#view.width) {
      this.#view.from = drawn.now - KEPT * this.#view.width
      this.#view.to = drawn.now + (1 - KEPT) * this.#view.width
    }
    this.#draw()
    this.#tell()
  }

  fit(): void {
    this.#view.fit()
  }

  zoom(factor: number): void {
    this.#view.zoom(factor)
  }

  /** The time at that place of the screen while something is dragged there; null outside the lanes. */
  carry(what: Happening | null, clientX: number, clientY: number): number | null {
    const box = this.#canvas.getBoundingClientRect()
    const here = clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom
    const at = here && this.#drawn ? Math.max(this.#view.at(clientX), this.#drawn.now) : null
    this.#carried = what !== null && at !== null ? { what, at } : null
    this.#draw()
    return at
  }

  #cursor(): number {
    return this.#drawn?.cursor ?? this.#drawn?.now ?? 0
  }

  #laneOf(clientY: number): number {
    if (!this.#drawn) return 0
    return laneAt(this.#drawn, this.#canvas.clientHeight, clientY - this.#canvas.getBoundingClientRect().top)
  }

  #moved(): void {
    if (!this.#drawn) return
    const [first, last] = reach(this.#drawn)
    const { from, to } = this.#view
    this.#showsAll = from <= first && to >= last
    this.#follows = this.#drawn.now >= from && this.#drawn.now <= to
    this.#draw()
  }

  #choose(at: number): void {
    if (!this.#drawn) return
    const { begun, now } = this.#drawn
    const whole = Math.round(Math.max(at, begun) / 1000) * 1000
    // Rounded to the second, except for the beginning and the present themselves.
    this.#events.choose(Math.abs(at - now) < 1 ? null : at <= begun ? begun : Math.max(whole, begun))
    const { from, to, width } = this.#view
    if (!this.#showsAll && (at < from || at > to)) this.#view.place(at - width / 2, width)
  }

  /** The times up to the present at which something happened: the beginning, the marks, and the starts of bars in the cursor's lane. */
  #edges(): number[] {
    const drawn = this.#drawn
    if (!drawn) return []
    const list = [drawn.begun, drawn.now, ...drawn.marks.map(({ at }) => at)]
    for (const bar of drawn.bars) if (bar.lane === this.#lane) list.push(bar.from)
    return list.filter((at) => at <= drawn.now)
  }

  #key(event: KeyboardEvent): void {
    const drawn = this.#drawn
    if (!drawn) return
    const at = this.#cursor()
    const step = Math.max(1, Math.round(this.#view.width / STEP / 1000)) * 1000
    const page = 4 * step
    // Rounded to the second, as they are displayed.
    const edges = this.#edges().map((edge) => (edge === drawn.now ? edge : Math.ceil(edge / 1000) * 1000))
    const later = (): number => (at < drawn.now ? Math.min(...edges.filter((edge) => edge > at), drawn.now) : at + step)
    const earlier = (): number => (at > drawn.now ? Math.max(at - step, drawn.now) : Math.max(...edges.filter((edge) => edge < at), drawn.begun))
    const lane = (by: number) => (): void => {
      this.#lane = Math.min(Math.max(this.#lane + by, 0), Math.max(drawn.lanes - 1, 0))
      this.#draw()
      this.#tell()
    }
    const known: Record<string, () => void> = {
      ArrowRight: () => this.#choose(later()), ArrowLeft: () => this.#choose(earlier()),
      ArrowDown: lane(1), ArrowUp: lane(-1),
      PageUp: () => this.#choose(at + page), PageDown: () => this.#choose(at - page),
      Home: () => this.#choose(drawn.begun), End: () => this.#events.choose(null), Escape: () => this.#events.choose(null),
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey
    const act = this.#view.key(event) ?? (plain ? known[event.key] : undefined)
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  #tell(): void {
    if (!this.#drawn) return
    const { at, lane } = this.#hovered ?? { at: this.#cursor(), lane: this.#lane }
    this.#events.read(at, at <= this.#drawn.now ? barIn(this.#drawn, lane, at) : null, reach(this.#drawn))
  }

  #draw(): void {
    if (!this.#drawn) return
    const { from, to } = this.#view
    drawGantt(this.#canvas, this.#drawn, { from, to, lane: this.#lane, carried: this.#carried })
  }
}
