// Starts the page: loads the wasm and the state, and paints at most once per frame.
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { start } from './core'
import { listen } from './keys'
import { takeToken } from './state/served'
import { guardDrops } from './state/dropping'
import { begin, freeDiscarded, get } from './state/store'
import { t } from './texts/page'
import { footer, header } from './views/frame'
import { certificate, compareView, drawCompare, drawRehearsal, evidenceView, fetchSheet, laterDialogs, rehearseView, sheet } from './views/later'
import { palette } from './views/palette'
import { drawPlan, planView } from './views/plan'
import { begin as meetServer, drawWatch, servedDialogs, watchView } from './views/served'
import { title } from './views/title'

const root = document.getElementById('app') as HTMLElement
const VIEWS = { plan: planView, compare: compareView, rehearse: rehearseView, watch: watchView, evidence: evidenceView }
let queued = false
/** Whether the page is being printed. The sheet for sign-off is made only then, not on every keystroke. */
let printing = false

/** What is printed: in Evidence the check of evidence, if there is one, otherwise the sheet for sign-off of the plan in hand. */
const paper = (): TemplateResult => (get().view === 'evidence' ? certificate() : null) ?? sheet()

function paintNow(): void {
  queued = false
  const { view } = get()
  const focused = document.activeElement
  render(html`${header()}<main id="content" tabindex="-1">${VIEWS[view]()}</main>${footer()}${palette()}${laterDialogs()}${servedDialogs()}${printing ? paper() : nothing}`, root)
  if (view === 'plan') drawPlan()
  if (view === 'compare') drawCompare()
  if (view === 'rehearse') drawRehearsal()
  if (view === 'watch') drawWatch()
  freeDiscarded()
  document.title = title(printing)
  keepFocus(focused)
}

/** Moves the focus to the view when the focused element is gone, so that keys go on working from there. */
function keepFocus(before: Element | null): void {
  if (before === null || before === document.body || before.isConnected || document.activeElement !== document.body) return
  document.getElementById('content')?.focus({ preventScroll: true })
}

function paint(): void {
  if (queued) return
  queued = true
  requestAnimationFrame(paintNow)
}

for (const [event, on] of [['beforeprint', true], ['afterprint', false]] as const) {
  addEventListener(event, () => {
    printing = on
    paintNow()
  })
}

try {
  takeToken()
  await start()
  await begin(paint, () => meetServer(paint))
  listen()
  guardDrops()
  meetServer(paint)
  fetchSheet()
} catch (why) {
  root.textContent = t.failed(String(why))
}
