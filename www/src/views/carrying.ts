// Carries something to a place by mouse, pen or finger. A press that does not move stays a click.
import { noChange } from 'lit-html'
import { directive, Directive, type ElementPart, PartType, type PartInfo } from 'lit-html/directive.js'

/** A press that moves fewer pixels than this is a click. */
const STILL = 6

export interface Place<T> {
  /** Shows `what` at that place of the screen, or nowhere if it is null. Returns what the place means; null outside. */
  at: (what: T | null, clientX: number, clientY: number) => number | null
  drop: (what: T, at: number) => void
}

class Carrying<T> extends Directive {
  #what: T | null = null
  #place: Place<T> | null = null
  #element: HTMLElement | null = null
  #pressed: { id: number; x: number; y: number; moved: boolean } | null = null

  constructor(part: PartInfo) {
    super(part)
    if (part.type !== PartType.ELEMENT) throw new Error('carrying is for elements')
  }

  render(_what: T, _place: Place<T>): unknown {
    return noChange
  }

  override update({ element }: ElementPart, [what, place]: [T, Place<T>]): unknown {
    this.#what = what
    this.#place = place
    if (this.#element !== element) {
      this.#element = element as HTMLElement
      this.#element.addEventListener('pointerdown', (event) => this.#press(event))
      this.#element.addEventListener('pointermove', (event) => this.#move(event))
      this.#element.addEventListener('pointerup', (event) => this.#lift(event))
      this.#element.addEventListener('pointercancel', () => this.#forget())
      this.#element.addEventListener('keydown', (event) => event.key === 'Escape' && this.#forget())
      // What was carried was not clicked.
      this.#element.addEventListener('click', (event) => this.#swallow(event), { capture: true })
    }
    return noChange
  }

  #dropped = false

  #press(event: PointerEvent): void {
    this.#dropped = false
    if (event.button !== 0) return
    this.#element?.setPointerCapture(event.pointerId)
    this.#pressed = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false }
  }

  #move(event: PointerEvent): void {
    const pressed = this.#pressed
    if (pressed?.id !== event.pointerId) return
    pressed.moved ||= Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= STILL
    if (pressed.moved) this.#place?.at(this.#what, event.clientX, event.clientY)
  }

  #lift(event: PointerEvent): void {
    const pressed = this.#pressed
    if (pressed?.id !== event.pointerId) return
    const at = pressed.moved ? this.#place?.at(null, event.clientX, event.clientY) : null
    this.#dropped = pressed.moved
    this.#pressed = null
    if (at != null && this.#what !== null) this.#place?.drop(this.#what, at)
  }

  #forget(): void {
    if (this.#pressed?.moved) this.#dropped = true
    this.#pressed = null
    this.#place?.at(null, -1, -1)
  }

  #swallow(event: Event): void {
    if (!this.#dropped) return
    this.#dropped = false
    event.preventDefault()
    event.stopImmediatePropagation()
  }
}

/** Makes an element one that can be carried: `<button ${carrying(what, place)}>`. */
export const carrying = directive(Carrying) as <T>(what: T, place: Place<T>) => ReturnType<ReturnType<typeof directive>>
