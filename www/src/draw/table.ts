// A table of any length: only the rows that can be seen are there.
import type { Plan } from '../core'
import { instant, length } from '../format'
import { t } from '../texts'
import type { Row } from '../types'

const ROW = 30
const SPARE = 8

export class Rows {
  readonly #scroller: HTMLElement
  readonly #spacer: HTMLElement
  readonly #body: HTMLElement
  readonly #select: (part: number) => void
  #plan: Plan | null = null
  #selected: number | null = null
  #queued = false

  constructor(scroller: HTMLElement, select: (part: number) => void) {
    this.#scroller = scroller
    this.#select = select
    this.#spacer = document.createElement('div')
    this.#spacer.className = 'spacer'
    this.#spacer.setAttribute('role', 'presentation')
    this.#body = document.createElement('div')
    this.#body.className = 'rows'
    this.#body.setAttribute('role', 'rowgroup')
    this.#spacer.append(this.#body)
    scroller.append(this.#spacer)
    scroller.addEventListener('scroll', () => this.#later())
    scroller.addEventListener('keydown', (event) => this.#key(event))
    new ResizeObserver(() => this.#draw()).observe(scroller)
  }

  show(plan: Plan, selected: number | null): void {
    const jumped = selected !== null && selected !== this.#selected
    this.#plan = plan
    this.#selected = selected
    this.#spacer.style.height = `${plan.summary.parts * ROW}px`
    if (jumped) this.#reveal(selected)
    this.#draw()
  }

  #reveal(part: number): void {
    const top = part * ROW
    const { scrollTop, clientHeight } = this.#scroller
    if (top < scrollTop) this.#scroller.scrollTop = top
    else if (top + ROW > scrollTop + clientHeight) this.#scroller.scrollTop = top + ROW - clientHeight
  }

  #later(): void {
    if (this.#queued) return
    this.#queued = true
    requestAnimationFrame(() => {
      this.#queued = false
      this.#draw()
    })
  }

  #key(event: KeyboardEvent): void {
    if (!this.#plan) return
    const last = this.#plan.summary.parts - 1
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW) - 1)
    const here = this.#selected ?? -1
    const to: Record<string, number> = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: last,
    }
    const next = to[event.key]
    if (next === undefined || last < 0) return
    event.preventDefault()
    this.#select(Math.min(Math.max(next, 0), last))
  }

  #draw(): void {
    const plan = this.#plan
    if (!plan) return
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / ROW) - SPARE)
    const visible = Math.ceil(this.#scroller.clientHeight / ROW) + 2 * SPARE
    const rows = plan.rows(first, Math.min(first + visible, plan.summary.parts))
    this.#body.style.transform = `translateY(${first * ROW}px)`
    this.#body.replaceChildren(...rows.map((row, place) => this.#row(row, first + place)))
  }

  #row(row: Row, part: number): HTMLElement {
    const element = document.createElement('div')
    element.className = `row ${row.disposition}`
    element.setAttribute('role', 'row')
    element.setAttribute('aria-rowindex', String(part + 2))
    element.setAttribute('aria-selected', String(part === this.#selected))
    const from = Date.parse(row.start)
    const to = Date.parse(row.end)
    const why = row.age === 'aged' ? `${row.reason} · ${t.table.aged}` : row.reason
    for (const text of [
      row.chunk === null ? '' : String(row.chunk),
      instant(from),
      instant(to),
      length(to - from),
      t.timeline.dispositions[row.disposition],
      why,
    ]) {
      const cell = document.createElement('span')
      cell.setAttribute('role', 'gridcell')
      cell.textContent = text
      element.append(cell)
    }
    element.addEventListener('click', () => this.#select(part))
    return element
  }
}
