// The plan: request and policy on the left, the result on the right.
import { html, nothing, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import { Timeline } from '../draw/timeline'
import { Rows } from '../draw/table'
import { instant, length, localTime, number, plural, zone } from '../format'
import { chunkNumber, partAt, rangeOf } from '../state/parts'
import { COLUMNS, nextSort, SORTABLE, type Column } from '../state/order'
import { change, get } from '../state/store'
import { current as volume, spreadOver } from '../state/volume'
import { t } from '../texts/page'
import { DISPOSITIONS } from '../types'
import { findings } from './findings'
import { form } from './form'
import { inspector } from './inspector'
import { policy } from './policy'

let timeline: Timeline | null = null
let rows: Rows | null = null
let readout: HTMLElement | null = null
let hovered: number | null = null
let shown: [number, number] = [0, 1]
const select = (selected: number): void => change({ selected })

const timelineAt = ref((element) => {
  timeline?.end()
  timeline = element
    ? new Timeline(element as HTMLCanvasElement, {
        select,
        hover: (at) => {
          hovered = at
          writeReadout()
        },
        moved: (from, to) => {
          shown = [from, to]
          writeReadout()
        },
      })
    : null
})
const readoutAt = ref((element) => {
  readout = (element as HTMLElement | undefined) ?? null
})
const rowsAt = ref((element) => {
  rows?.end()
  rows = element ? new Rows(element as HTMLElement, select) : null
})

/** Draws what templates cannot. Called after every render. */
export function drawPlan(): void {
  const { plan, selected, sort } = get()
  const spread = spreadOver(plan)
  timeline?.show(plan, selected, volume()?.buckets ?? [])
  rows?.show({ plan, selected, sort, spread })
  writeReadout()
}

/** A part in words. */
function partText(part: number): string {
  const { plan } = get()
  const kind = t.timeline.dispositions[DISPOSITIONS[plan.dispositions[part] ?? 0] ?? 'chunk']
  const name = plan.dispositions[part] === 0 ? `${kind} ${number(chunkNumber(plan, part))}` : kind
  const [from, to] = [plan.starts[part] ?? 0, plan.ends[part] ?? 0]
  const spread = spreadOver(plan)
  const records = spread?.records[part]
  const counted = records === undefined || Number.isNaN(records) ? '' : ` · ${spread?.exact[part] === 1 ? '' : '~'}${t.volume.records(number(Math.round(records)))}`
  return t.timeline.part(name, instant(from), instant(to), length(to - from)) + counted
}

/** Writes what is under the pointer, or else selected, or else visible: in UTC first, then in local time. */
function writeReadout(): void {
  if (!readout) return
  const { plan, selected } = get()
  const at = hovered
  const part = at === null ? selected : partAt(plan, at)
  let text = ''
  if (plan.starts.length === 0) text = ''
  else if (at !== null && part !== null) {
    const second = Math.floor(at / 1000) * 1000
    text = `${instant(second)} UTC · ${localTime(new Date(second).toISOString())} · ${partText(part)}`
  } else if (part !== null && part < plan.starts.length) {
    text = `${partText(part)} · ${t.timeline.here(localTime(new Date(plan.starts[part] ?? 0).toISOString()), zone)}`
  } else text = t.timeline.shows(instant(Math.round(shown[0])), instant(Math.round(shown[1])), length(Math.round((shown[1] - shown[0]) / 1000) * 1000))
  if (readout.textContent !== text) readout.textContent = text
}

function heading(column: Column): TemplateResult {
  const { sort } = get()
  const name = t.table.columns[column]
  if (!SORTABLE.includes(column)) return html`<span role="columnheader">${name}</span>`
  const here = sort.by === column
  return html`<span role="columnheader" aria-sort=${here ? (sort.down ? 'descending' : 'ascending') : 'none'}>
    <button type="button" title=${t.table.columnHelp[column] ?? nothing} @click=${() => change({ sort: nextSort(sort, column) })}>${name}<span
      aria-hidden="true" class="arrow">${here ? (sort.down ? '▼' : '▲') : ''}</span></button></span>`
}

function timelineSection(): TemplateResult {
  const { plan, selected } = get()
  const { parts } = plan.summary
  const [from, to] = rangeOf(plan).map(instant)
  return html`<section class="timeline" aria-labelledby="timeline-title">
    <header class="bar">
      <h2 id="timeline-title">${t.timeline.title}</h2>
      <ul class="legend">
        ${volume() ? html`<li class="volume" title=${t.volume.help}>${t.volume.title}</li>` : nothing}
        ${DISPOSITIONS.map((d) => html`<li class=${d} title=${t.timeline.dispositionHelp[d]}>${t.timeline.dispositions[d]}</li>`)}
      </ul>
      <span class="group">
        <button type="button" class="plain" title=${t.volume.help} @click=${() => change({ dialog: 'volume' })}>${t.volume.open}</button>
        <button type="button" class="plain" aria-label=${t.timeline.further} @click=${() => timeline?.zoom(2)}>−</button>
        <button type="button" class="plain" aria-label=${t.timeline.closer} @click=${() => timeline?.zoom(0.5)}>+</button>
        <button type="button" class="plain" @click=${() => timeline?.fit()}>${t.timeline.fit}</button>
      </span>
    </header>
    <canvas ${timelineAt} class=${volume() ? 'with-volume' : ''} tabindex="0" role="slider" ?hidden=${parts === 0}
      aria-label=${t.timeline.label(plural(parts, 'part'), from ?? '', to ?? '')} aria-describedby="timeline-keys"
      aria-valuemin="1" aria-valuemax=${Math.max(parts, 1)} aria-valuenow=${(selected ?? 0) + 1}
      aria-valuetext=${selected === null || selected >= parts ? t.timeline.nothingSelected : partText(selected)}></canvas>
    <p class="readout" ?hidden=${parts === 0} ${readoutAt}></p>
    <p class="sr" id="timeline-keys">${t.timeline.keys}</p>
    <p class="empty" ?hidden=${parts > 0}>${t.timeline.empty}</p>
  </section>`
}

export function planView(): TemplateResult {
  const { plan } = get()
  const { parts } = plan.summary
  return html`<div class="plan">
    <div class="side">${form()} ${policy()}</div>
    <div class="main">
      ${timelineSection()}
      <section class="chunks" aria-labelledby="chunks-title">
        <header class="bar">
          <h2 id="chunks-title">${t.table.title}</h2>
          <output>${parts === 0 ? '' : plural(parts, 'row')}</output>
        </header>
        <p class="empty" ?hidden=${parts > 0}>${t.table.empty}</p>
        <div class=${volume() ? 'table counted' : 'table'} role="grid" tabindex="0" ?hidden=${parts === 0} aria-labelledby="chunks-title" aria-rowcount=${parts + 1} ${rowsAt}>
          <div role="rowgroup" class="headings">
            <div class="row" role="row" aria-rowindex="1">${COLUMNS.map(heading)}</div>
          </div>
        </div>
      </section>
      <div class="lower">${findings()} ${inspector()}</div>
    </div>
  </div>`
}
