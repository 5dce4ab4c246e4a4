// The plan: request and policy on the left, what comes of them on the right.
import { html, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import { span, Timeline } from '../draw/timeline'
import { Rows } from '../draw/table'
import { number, plural } from '../format'
import { change, get } from '../state/store'
import { t } from '../texts'
import { DISPOSITIONS } from '../types'
import { findings } from './findings'
import { form } from './form'
import { inspector } from './inspector'
import { policy } from './policy'

let timeline: Timeline | null = null
let rows: Rows | null = null
const select = (selected: number): void => change({ selected })

const timelineAt = ref((element) => {
  timeline = element ? new Timeline(element as HTMLCanvasElement, { select, moved: () => undefined }) : null
})
const rowsAt = ref((element) => {
  rows = element ? new Rows(element as HTMLElement, select) : null
})

/** Draws what templates cannot. After every render. */
export function drawPlan(): void {
  const { plan, selected } = get()
  timeline?.show(plan, selected)
  rows?.show(plan, selected)
}

export function planView(): TemplateResult {
  const { plan } = get()
  const [from = '', to = ''] = plan.summary.parts > 0 ? span(plan) : []
  return html`<div class="plan">
    <div class="side">${form()} ${policy()}</div>
    <div class="main">
      <section class="timeline" aria-labelledby="timeline-title">
        <header class="bar">
          <h2 id="timeline-title">${t.timeline.title}</h2>
          <ul class="legend">
            ${DISPOSITIONS.map((d) => html`<li class=${d} title=${t.timeline.dispositionHelp[d]}>${t.timeline.dispositions[d]}</li>`)}
          </ul>
          <span class="group">
            <button type="button" class="plain" aria-label=${t.timeline.further} @click=${() => timeline?.zoom(2)}>−</button>
            <button type="button" class="plain" aria-label=${t.timeline.closer} @click=${() => timeline?.zoom(0.5)}>+</button>
            <button type="button" class="plain" @click=${() => timeline?.fit()}>${t.timeline.fit}</button>
          </span>
        </header>
        <canvas ${timelineAt} tabindex="0" role="img" ?hidden=${plan.summary.parts === 0}
          aria-label=${t.timeline.label(plural(plan.summary.parts, 'part'), from, to)}></canvas>
        <p class="empty" ?hidden=${plan.summary.parts > 0}>${t.timeline.empty}</p>
      </section>
      <section class="chunks" aria-labelledby="chunks-title">
        <header class="bar">
          <h2 id="chunks-title">${t.table.title}</h2>
          <output>${t.table.rows(number(plan.summary.parts))}</output>
        </header>
        <div class="table" role="grid" tabindex="0" aria-labelledby="chunks-title" aria-rowcount=${plan.summary.parts + 1} ${rowsAt}>
          <div role="rowgroup" class="headings">
            <div class="row" role="row" aria-rowindex="1">
              ${[t.table.number, t.table.start, t.table.end, t.table.length, t.table.state, t.table.why].map(
                (name) => html`<span role="columnheader">${name}</span>`,
              )}
            </div>
          </div>
        </div>
      </section>
      <div class="lower">${findings()} ${inspector()}</div>
    </div>
  </div>`
}
