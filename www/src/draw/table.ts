// A table of any length. Only the visible rows exist as elements, and they are reused.
import type { Plan } from '../core'
import { instant, length, number } from '../format'
import { rowOrder, type Sort } from '../state/order'
import { reasonOf } from '../state/parts'
import type { Spread } from '../state/volume'
import { t } from '../texts/page'
import type { Row } from '../types'

/** The height of a row, as in the style sheet: fingers need more room. */
const ROW = matchMedia('(pointer: coarse)').matches ? 44 : 30
const SPARE = 8

export interface TableState {
  plan: Plan
  selected: number | null
  sort: Sort
  spread: Spread | null
}

interface Line {
  element: HTMLElement
  cells: HTMLElement[]
  part: number
  /** The text of the last cell. */
  why: string
}

export class Rows {
  readonly #scroller: HTMLElement
  readonly #spacer: HTMLElement
  readonly #body: HTMLElement
  readonly #select: (part: number) => void
  readonly #lines: Line[] = []
  #state: TableState | null = null
  #order: Uint32Array | null = null
  #queued = false
  readonly #sizes = new ResizeObserver(() => this.#draw())

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
    scroller.addEventListener('scroll', () => this.#drawSoon(), { passive: true })
    scroller.addEventListener('keydown', (event) => this.#key(event))
    this.#body.addEventListener('click', (event) => {
      const row = (event.target as Element).closest('[role=row]')
      const line = this.#lines.find(({ element }) => element === row)
      if (line) select(line.part)
    })
    this.#sizes.observe(scroller)
  }

  /** Lets go of the plan: the table has been removed. */
  end(): void {
    this.#sizes.disconnect()
    this.#state = null
  }

  show(state: TableState): void {
    const before = this.#state
    const { plan, selected, sort, spread } = state
    if (before && before.plan === plan && before.selected === selected && before.sort === sort && before.spread === spread) return
    this.#state = state
    if (before?.plan !== plan || before.sort !== sort || before.spread !== spread) this.#order = rowOrder(plan, sort, spread)
    if (before?.plan.summary.parts !== plan.summary.parts) this.#spacer.style.height = `${plan.summary.parts * ROW}px`
    if (before && before.sort !== sort) this.#scroller.scrollTop = 0
    if (selected !== null && (selected !== before?.selected || before.sort !== sort)) this.#reveal(this.#rowOf(selected))
    this.#draw()
  }

  #partOf(row: number): number {
    return this.#order ? (this.#order[row] ?? 0) : row
  }

  #rowOf(part: number): number {
    return this.#order ? this.#order.indexOf(part) : part
  }

  #reveal(row: number): void {
    const top = row * ROW
    const { scrollTop, clientHeight } = this.#scroller
    const room = clientHeight - ROW
    if (top < scrollTop) this.#scroller.scrollTop = top
    else if (top + ROW > scrollTop + room) this.#scroller.scrollTop = top + ROW - room
  }

  #drawSoon(): void {
    if (this.#queued) return
    this.#queued = true
    requestAnimationFrame(() => {
      this.#queued = false
      this.#draw()
    })
  }

  #key(event: KeyboardEvent): void {
    if (!this.#state || event.target !== this.#scroller || event.ctrlKey || event.metaKey || event.altKey) return
    const { plan, selected } = this.#state
    const last = plan.summary.parts - 1
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / ROW) - 2)
    const here = selected === null ? -1 : this.#rowOf(selected)
    const to: Record<string, number> = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: last,
    }
    const next = to[event.key]
    if (next === undefined || last < 0) return
    event.preventDefault()
    this.#select(this.#partOf(Math.min(Math.max(next, 0), last)))
  }

  #draw(): void {
    if (!this.#state) return
    const { plan, selected } = this.#state
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / ROW) - SPARE)
    const visible = Math.ceil(this.#scroller.clientHeight / ROW) + 2 * SPARE
    const count = Math.max(0, Math.min(visible, plan.summary.parts - first))
    const rows = this.#order
      ? Array.from({ length: count }, (_, place) => plan.rows(this.#partOf(first + place), this.#partOf(first + place) + 1)[0])
      : plan.rows(first, first + count)
    const shown = selected === null ? -1 : this.#rowOf(selected) - first
    if (shown >= 0 && shown < count) setAttribute(this.#scroller, 'aria-activedescendant', `part-${selected}`)
    else this.#scroller.removeAttribute('aria-activedescendant')
    this.#body.style.transform = `translateY(${first * ROW}px)`
    while (this.#lines.length < count) this.#lines.push(this.#line())
    for (const { element } of this.#lines.splice(count)) element.remove()
    for (const [place, line] of this.#lines.entries()) {
      const row = rows[place]
      if (row) this.#fill(line, row, first + place, selected)
    }
  }

  #line(): Line {
    const element = document.createElement('div')
    element.setAttribute('role', 'row')
    const cells = Array.from({ length: 8 }, () => {
      const cell = document.createElement('span')
      cell.setAttribute('role', 'gridcell')
      element.append(cell)
      return cell
    })
    this.#body.append(element)
    return { element, cells, part: -1, why: '' }
  }

  /** Changes only what differs: most of a row stays the same from one keystroke to the next. */
  #fill(line: Line, row: Row, place: number, selected: number | null): void {
    const { element, cells } = line
    line.part = this.#partOf(place)
    setAttribute(element, 'id', `part-${line.part}`)
    setAttribute(element, 'class', `row ${row.disposition}`)
    setAttribute(element, 'aria-rowindex', String(place + 2))
    setAttribute(element, 'aria-selected', String(line.part === selected))
    for (const [at, text] of this.#texts(row, line.part).entries()) {
      const cell = cells[at]
      if (cell && cell.textContent !== text) cell.textContent = text
    }
    const why = [reasonOf(row), row.age === 'aged' ? t.table.aged : ''].filter(Boolean).join(' · ')
    if (line.why === why) return
    line.why = why
    cells.at(-1)?.replaceChildren(...why.split('`').map((piece, place) => (place % 2 === 1 ? codeElement(piece) : piece)))
  }

  #texts(row: Row, part: number): string[] {
    const { plan, spread } = this.#state as TableState
    const [from, to] = [plan.starts[part] ?? 0, plan.ends[part] ?? 0]
    const records = spread?.records[part] ?? Number.NaN
    const volume = Number.isNaN(records) ? '–' : `${spread?.exact[part] === 1 ? '' : '~'}${number(Math.round(records))}`
    const calls = plan.summary.estimate?.callsPerChunk
    return [
      row.chunk === null ? '' : String(row.chunk),
      instant(from),
      instant(to),
      length(to - from),
      volume,
      row.chunk === null || calls === undefined ? '–' : `~${number(calls)}`,
      t.timeline.dispositions[row.disposition],
    ]
  }
}

/** The element that `withCode` makes for text in backticks. */
function codeElement(text: string): HTMLElement {
  const element = document.createElement('code')
  element.textContent = text
  return element
}

function setAttribute(element: HTMLElement, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
