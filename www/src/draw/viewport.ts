// The visible stretch of time on a canvas, panned and zoomed by wheel, drag, pinch and keys.

/** The closest zoom: one second across the whole width. */
const CLOSEST = 1000
/** A press that moves fewer pixels than this is a click. */
const STILL = 4

export interface ViewportEvents {
  /** All the time that can be shown. */
  limits: () => readonly [from: number, to: number]
  /** The instant that zooming by keys keeps in place. */
  middle: () => number
  /** The user clicked or tapped there. */
  tap: (at: number, clientY: number) => void
  /** The instant under the pointer; null when there is none. */
  hover: (at: number | null, clientY: number) => void
  /** The visible time has changed. */
  moved: () => void
  /** Whether the wheel zooms on its own. Otherwise it zooms only with Ctrl or Meta, so that the page can still be scrolled. */
  wheel: () => boolean
}

export class Viewport {
  from = 0
  to = 1
  readonly #canvas: HTMLCanvasElement
  readonly #events: ViewportEvents
  readonly #pointers = new Map<number, number>()
  #pressedAt = 0
  #dragged = false

  constructor(canvas: HTMLCanvasElement, events: ViewportEvents) {
    this.#canvas = canvas
    this.#events = events
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false })
    canvas.addEventListener('pointerdown', (event) => this.#press(event))
    canvas.addEventListener('pointermove', (event) => this.#drag(event))
    canvas.addEventListener('pointerup', (event) => this.#lift(event))
    canvas.addEventListener('pointercancel', (event) => this.#pointers.delete(event.pointerId))
    canvas.addEventListener('pointerleave', (event) => events.hover(null, event.clientY))
  }

  get width(): number {
    return this.to - this.from
  }

  fit(): void {
    const [first, last] = this.#events.limits()
    this.place(first, last - first)
  }

  zoom(factor: number, around = this.#events.middle()): void {
    const [first, last] = this.#events.limits()
    const width = Math.min(Math.max(this.width * factor, CLOSEST), last - first)
    const share = (around - this.from) / this.width
    this.place(around - width * share, width)
  }

  /** Shows that length of time from there, kept within the limits. */
  place(from: number, width: number): void {
    const [first, last] = this.#events.limits()
    this.from = Math.max(first, Math.min(from, last - width))
    this.to = this.from + width
    this.#events.moved()
  }

  /** The instant at that place of the screen. */
  at(clientX: number): number {
    const box = this.#canvas.getBoundingClientRect()
    return this.from + ((clientX - box.left) / box.width) * this.width
  }

  /** The action of a key that pans or zooms; undefined for any other key. */
  key(event: KeyboardEvent): (() => void) | undefined {
    if (event.ctrlKey || event.metaKey || event.altKey) return undefined
    const closer = (): void => this.zoom(0.5)
    const known: Record<string, () => void> = event.shiftKey
      ? {
          ArrowLeft: () => this.place(this.from - this.width / 10, this.width),
          ArrowRight: () => this.place(this.from + this.width / 10, this.width),
          '+': closer,
          '*': closer,
        }
      : { '+': closer, '=': closer, '-': () => this.zoom(2), '0': () => this.fit() }
    return known[event.key]
  }

  #wheel(event: WheelEvent): void {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey
    if (!this.#events.wheel() && !sideways && !event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    if (sideways) {
      const by = (event.deltaX || event.deltaY) / this.#canvas.clientWidth
      this.place(this.from + by * this.width, this.width)
    } else {
      this.zoom(Math.exp(event.deltaY / 400), this.at(event.clientX))
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
    if (before === undefined) return this.#events.hover(this.at(event.clientX), event.clientY)
    if (!this.#dragged && Math.abs(event.clientX - this.#pressedAt) < STILL) return
    this.#dragged = true
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1]
    if (other === undefined) {
      this.place(this.from + this.at(before) - this.at(event.clientX), this.width)
    } else {
      // What was under the moving finger stays under it, and the other finger's instant stays where it is.
      const [was, is] = [before - other, event.clientX - other]
      if (Math.abs(was) > 8 && Math.abs(is) > 8 && was * is > 0) this.zoom(was / is, this.at(other))
    }
    this.#pointers.set(event.pointerId, event.clientX)
  }

  #lift(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId) || this.#dragged) return
    this.#events.tap(this.at(event.clientX), event.clientY)
  }
}
